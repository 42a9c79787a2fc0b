"""Shared parts of the gateway's tests: a hand-set clock, an outbox, a real broker, a server's ear."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from threading import Condition, Event

import msgspec
import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion

from deploy.ports import free_port, is_open
from gateway.clock import Clock, TimeSources
from gateway.config import Config, load
from gateway.outbox import Outbox
from gateway.readings import Observation
from tests import logs

WALL_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z

CONFIG = """
[gateway]
id = "kubuqi-dune"
site = "kubuqi-north"
data_dir = "{data_dir}"
[clock]
trust = "assume"
[uplink]
port = {port}
batch_every_s = 0.2
heartbeat_s = 0.5
[[thing]]
id = "dune-1"
name = "Dune 1, straw checkerboard"
lat = 40.6
lon = 108.9
[[bus]]
id = "sdi"
port = "{serial}"
protocol = "sdi12"
  [[bus.sensor]]
  id = "soil-10cm"
  thing = "dune-1"
  model = "METER TEROS 12"
  address = "1"
  depth_m = 0.1
  serial = "noted-by-hand"
  interval_s = {interval_s}
"""


@dataclass(slots=True)
class HandTime:
    """Clock readings that a test sets. The machine has run for 1000 s; no NTP yet."""

    mono_ms: int = 1_000_000
    offset_ms: int = WALL_MS - 1_000_000
    synchronised: bool = False

    def advance(self, ms: int) -> None:
        self.mono_ms += ms

    def sources(self) -> TimeSources:
        return TimeSources(
            mono_ns=lambda: self.mono_ms * 1_000_000,
            wall_ns=lambda: (self.mono_ms + self.offset_ms) * 1_000_000,
            synchronised=lambda: self.synchronised,
        )


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Undo what a command sets up: its stream is closed when its test ends."""
    yield
    logs.reset()


@pytest.fixture
def hand() -> HandTime:
    return HandTime()


@pytest.fixture
def clock_of() -> Callable[..., Clock]:
    """Make a clock from hand-set time."""

    def make(hand: HandTime, trust: str = "auto", boot_id: str = "boot-a") -> Clock:
        return Clock(trust, hand.sources(), boot_id)

    return make


@pytest.fixture
def outbox_of(tmp_path: Path, clock_of: Callable[..., Clock]) -> Iterator[Callable[..., Outbox]]:
    """Open the outbox of this test, as often as the test likes; closed at the end."""
    opened: list[Outbox] = []

    def make(hand: HandTime, boot_id: str = "boot-a", hold_s: float = 86400) -> Outbox:
        outbox = Outbox(tmp_path, clock_of(hand, boot_id=boot_id), hold_s, lambda: "00c0ffee")
        opened.append(outbox)
        return outbox

    yield make
    for outbox in opened:
        outbox.close()


@pytest.fixture
def observe() -> Callable[..., Observation]:
    def make(mono_ms: int, value: str | None = "1.5", **more: object) -> Observation:
        number = None if value is None else Decimal(value)
        return Observation("dune-1/soil-10cm/vwc_raw", mono_ms, number, **more)

    return make


@pytest.fixture
def config_of(tmp_path: Path) -> Callable[..., Config]:
    """Write a gateway.toml (also to be found at `tmp_path/gateway.toml`) and load it."""

    def make(port: int = 1883, serial: str = "/dev/null", interval_s: int = 10) -> Config:
        path = tmp_path / "gateway.toml"
        path.write_text(
            CONFIG.format(
                data_dir=tmp_path / "data", port=port, serial=serial, interval_s=interval_s
            ),
            encoding="utf-8",
        )
        return load(path)

    return make


@pytest.fixture
def until() -> Callable[[Callable[[], object], float], None]:
    """Wait for a condition; fail when it does not come true."""

    def wait(condition: Callable[[], object], timeout_s: float = 25.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "what the test waits for did not happen"
            time.sleep(0.02)

    return wait


@dataclass(slots=True)
class Broker:
    """A Mosquitto of the test's own on a loopback port."""

    port: int
    config: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [_mosquitto(), "-c", str(self.config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while not is_open(self.port):
            assert self.process.poll() is None, "mosquitto did not start"
            assert time.monotonic() < deadline, "mosquitto does not listen"
            time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def _mosquitto() -> str:
    found = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    assert found, "mosquitto is not installed: apt install mosquitto"
    return found


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n", encoding="ascii"
    )
    one = Broker(port, config)
    try:
        one.start()
        yield one
    finally:
        one.kill()


@dataclass(slots=True)
class Ear:
    """The server's side of the broker: hears all, answers what a test tells it to."""

    port: int
    messages: list[MQTTMessage] = field(default_factory=list)
    arrived: Condition = field(default_factory=Condition)
    listens: Event = field(default_factory=Event)
    answer: bool = False
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="ear", clean_session=False)
        self.client.on_connect = lambda client, *_: client.subscribe("saxaul/1/#", qos=1)
        self.client.on_subscribe = lambda *_: self.listens.set()
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()

    def _on_message(self, client: Client, _userdata: object, message: MQTTMessage) -> None:
        with self.arrived:
            self.messages.append(message)
            self.arrived.notify_all()
        if self.answer and "/batch/" in message.topic:
            _, _, gateway, _, epoch, seq = message.topic.split("/")
            self.send(gateway, {"epoch": epoch, "stored": [[int(seq), int(seq)]]})

    def send(self, gateway: str, receipt: object) -> MQTTMessageInfo:
        raw = receipt if isinstance(receipt, bytes) else msgspec.json.encode(receipt)
        return self.client.publish(f"saxaul/1/{gateway}/receipt", raw, qos=1)

    def on(self, part: str) -> list[MQTTMessage]:
        with self.arrived:
            return [one for one in self.messages if f"/{part}" in one.topic]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        self.client.reinitialise()  # closes its sockets now, not when the collector comes


@pytest.fixture
def ear(broker: Broker) -> Iterator[Ear]:
    one = Ear(broker.port)
    try:
        assert one.listens.wait(30), "nothing that is not retained would be heard"
        yield one
    finally:
        one.close()
