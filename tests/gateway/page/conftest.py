"""A desk on a real outbox, and its page on a real port."""

import json
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from gateway.buses.asking import Questions
from gateway.buses.runner import BusHealth
from gateway.config import load
from gateway.outbox import Outbox
from gateway.page.board import Board
from gateway.page.desk import Desk, Parts
from gateway.page.scanning import Reach, Scanning
from gateway.page.server import PageServer
from gateway.page.visits import Visits
from gateway.scan import Extent
from tests.gateway.scan.conftest import Device

JPEG = b"\xff\xd8\xff\xe0 a photo"
PIN = "4711"
TEROS = {b"?!": b"2\r\n", b"2!": b"2\r\n", b"2I!": b"213METER   TER12 400T12-7\r\n"}


def teros(asked):
    """Answer as a soil sensor that has nothing measured: at once."""
    return b"20000\r\n" if asked[:2] in {b"2M", b"2C"} else TEROS.get(asked, b"")


HASTY = Extent(
    listen_s=0.1, sdi12_addresses="2", sdi12_s=2.0, modbus_ids=[], modbus_s=0.1, line_s=0.1
)


@dataclass(slots=True)
class Link:
    """The way to the server, as far as the page sees it."""

    is_connected: bool = True
    announced: int = 0

    def announce(self) -> None:
        self.announced += 1


@dataclass(slots=True)
class Bus:
    """A bus whose sensors answer when a test says so."""

    questions: Questions = field(default_factory=Questions)
    lent_for: list[str] = field(default_factory=list)
    back: int = 0

    def health(self) -> BusHealth:
        return BusHealth("sdi", open=True, last_error="", polls=3, failures=1)

    def ask(self, place: str) -> None:
        self.questions.put(place)

    @contextmanager
    def without_port(self, reason: str):
        self.lent_for.append(reason)
        yield
        self.back += 1


@dataclass(slots=True)
class Place:
    """What a test of the desk needs at hand."""

    desk: Desk
    board: Board
    outbox: Outbox
    link: Link
    visits: Visits
    data_dir: Path
    kept: list
    bus: Bus
    settings: Path
    ports: list
    restart: Event


@pytest.fixture
def place(config_of, hand, clock_of, tmp_path):
    """Give a desk whose gateway has one soil sensor, and no link to a bus."""
    config_of(interval_s=60)
    text = (tmp_path / "gateway.toml").read_text(encoding="utf-8")
    bare = text.replace("lat = 40.6\nlon = 108.9\n", "")
    (tmp_path / "gateway.toml").write_text(bare, encoding="utf-8")
    config = load(tmp_path / "gateway.toml")
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    hand.synchronised = True
    clock = clock_of(hand)
    outbox = Outbox(data_dir, clock, 86400, lambda: "00c0ffee")
    kept, link, visits = [], Link(), Visits(data_dir)
    board = Board(kept.extend)
    bus, settings = Bus(), tmp_path / "gateway.toml"
    ports = []
    reach = Reach(HASTY, lambda: list(ports))
    scanning = Scanning(config, settings, {"sdi": bus}, time.monotonic, reach)
    restart = Event()
    desk = Desk(
        Parts(
            config=config,
            clock=clock,
            outbox=outbox,
            board=board,
            uplink=link,
            visits=visits,
            buses={"sdi": bus},
            scanning=scanning,
            settings=settings,
            restart=lambda _: restart.set(),
        )
    )
    yield Place(desk, board, outbox, link, visits, data_dir, kept, bus, settings, ports, restart)
    scanning.close()
    outbox.close()


@dataclass(slots=True)
class Browser:
    """A phone with the page open."""

    port: int
    cookie: str = ""

    def ask(self, path, body=None, **headers):
        """Give status and answer, JSON read where it is some."""
        head = {"X-Saxaul": "1", "Cookie": self.cookie, **headers}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, body, head)
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            self.cookie = (answer.headers.get("Set-Cookie") or self.cookie).partition(";")[0]
            text = answer.read()
            is_json = answer.headers["Content-Type"] == "application/json"
            return answer.status, json.loads(text) if is_json else text


@pytest.fixture
def page_of(place):
    """Serve the page, with a PIN or without; closed at the end."""
    served = []

    def serve(pin=""):
        served.append(PageServer("127.0.0.1", 0, place.desk, pin))
        served[-1].start()
        return Browser(served[-1].port)

    yield serve
    for one in served:
        one.close()


@pytest.fixture
def device():
    """A pty with a soil sensor at address 2 that gives no values."""
    made = []

    def make(answer=teros):
        made.append(Device(answer))
        return made[-1]

    yield make
    for one in made:
        one.close()
