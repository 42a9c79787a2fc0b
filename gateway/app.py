"""The gateway's wiring: what is built from a configuration, started, and stopped in reverse."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from threading import Lock, Thread
from typing import TYPE_CHECKING, Literal

import structlog

from gateway.buses.lending import FRESH_MS, Lending, Loan
from gateway.buses.port_errors import serial_ports
from gateway.buses.runner import BusRunner
from gateway.clock import Clock
from gateway.config import (
    BusSection,
    Config,
    OutboxSection,
    PageSection,
    datastream_name,
    is_loopback,
    lender_of,
    place_of,
)
from gateway.errors import BusError, StoreError
from gateway.health import Health
from gateway.inventory import Identity, InventoryBook
from gateway.outbox import MEMO, Budget, DataDirLock, Outbox
from gateway.page.board import Board
from gateway.page.pin import is_pin
from gateway.page.visits import Visits
from gateway.readings import Observation
from gateway.uplink import KEEPALIVE_S, Link, Plan, Uplink, UplinkSettings
from wire.errors import ConfigError

if TYPE_CHECKING:
    from gateway.page.server import PageServer

PIN_VARIABLE = "SAXAUL_PAGE_PIN"
PASSWORD_VARIABLE = "SAXAUL_MQTT_PASSWORD"  # noqa: S105 - the variable's name

STARTED = "gateway_started"
STOPPED = "gateway_stopped"
STOP_OVERRUN = "stop_step_overrun"
STOP_FAILED = "stop_step_failed"
APPEND_FAILED = "append_failed"
APPEND_RECOVERED = "append_recovered"
DROPPED = "observations_dropped"
PAGE_UNAVAILABLE = "page_unavailable"
NOTE_FAILED = "identity_not_kept"
MEMO_UNREADABLE = "memo_unreadable"

# While the disk refuses them, this many observations wait in memory (about 2 MB).
WAITING_LIMIT = 5_000

# A status costs 400 bytes and more with all that carries it, a ping 200: every minute and every
# half minute that is 1 MB a day. Four minutes keep what networks remember of a connection alive.
HEARTBEAT_S, METERED_HEARTBEAT_S = 60.0, 900.0
METERED_KEEPALIVE_S = 240

AbsentPorts = Literal["exit", "retry"]

_log = structlog.get_logger(__name__)


class Recorder:
    """Where bus threads put what they observed: into the outbox, at once.

    While the outbox cannot be written, observations wait in memory, the oldest giving way, counted.
    """

    def __init__(self, outbox: Outbox) -> None:
        """Start with nothing waiting."""
        self._outbox = outbox
        self._lock = Lock()
        self._waiting: list[Observation] = []
        self._noted = self._told = 0
        self.dropped = 0

    def __call__(self, observations: list[Observation]) -> None:
        """Keep observations. Never raises for the disk: a bus must go on reading."""
        with self._lock:
            failing = bool(self._waiting)
            batch = [*self._waiting, *observations]
            if not batch:
                return
            try:
                self._outbox.append(batch)
            except StoreError as error:
                self._hold(batch, error, first=not failing)
                return
            self._waiting = []
            if failing:
                _log.info(APPEND_RECOVERED, count=len(batch))
                self._tell_dropped()
            self._note_dropped()

    def close(self) -> None:
        """Keep what still waits: the disk may have room again. What it refuses is lost."""
        self([])
        if self._waiting:
            self._drop(len(self._waiting))
            self._tell_dropped()

    def _hold(self, batch: list[Observation], error: StoreError, *, first: bool) -> None:
        if first:
            _log.error(APPEND_FAILED, reason=str(error))
        surplus = max(0, len(batch) - WAITING_LIMIT)
        if surplus:
            self._drop(surplus)
        self._waiting = batch[surplus:]

    def _note_dropped(self) -> None:
        """Keep the count where the technician looks; what it could not be told of now stays due."""
        if self.dropped > self._noted:
            with suppress(StoreError):
                self._outbox.count_dropped(self.dropped - self._noted)
                self._noted = self.dropped

    def _drop(self, count: int) -> None:
        """Count; tell each time it has doubled: a log of every tick would fill the disk, too."""
        self.dropped += count
        if self.dropped >= 2 * self._told:
            self._tell_dropped()

    def _tell_dropped(self) -> None:
        if self.dropped > self._told:
            _log.error(DROPPED, count=self.dropped - self._told, total=self.dropped)
            self._told = self.dropped


class Memos:
    """What sampling remembers over a restart, in the outbox, beside the observations."""

    def __init__(self, outbox: Outbox, boot_id: str) -> None:
        """Read and write in `outbox`."""
        self._outbox = outbox
        self.boot_id = boot_id

    def recall(self, datastream: str) -> str | None:
        """Read the memo of a series; None also while the outbox cannot be read."""
        try:
            return self._outbox.meta(MEMO + datastream)
        except StoreError as error:
            _log.warning(MEMO_UNREADABLE, datastream=datastream, reason=str(error))
            return None

    def keep(self, memos: Mapping[str, str]) -> None:
        """Write memos at once, where the disk takes them."""
        with suppress(StoreError):
            self._outbox.set_meta({MEMO + name: memo for name, memo in memos.items()})


@dataclass(frozen=True, slots=True)
class Step:
    """One named piece of stopping, and how long it may take."""

    name: str
    stop: Callable[[], None]
    limit_s: float


class App:
    """A gateway that can be started once and stopped once."""

    def __init__(self, config: Config, password: str | None, refused: Sequence[str] = ()) -> None:
        """Take the data folder and open the outbox; raises StoreError. No port is touched yet.

        `refused` says what of the settings cannot be used, for the technician's page.
        """
        data_dir = Path(config.gateway.data_dir)
        self._config = config
        self._refused = refused
        self._steps: list[Step] = []
        self._page: PageServer | None = None
        lock = DataDirLock(data_dir)
        self._steps.append(Step("data folder lock", lock.close, 0.1))
        try:
            self._build(config, data_dir, password)
        except BaseException:
            self.stop()
            raise

    def _build(self, config: Config, data_dir: Path, password: str | None) -> None:
        clock = Clock(config.clock.trust)
        self.outbox = Outbox(
            data_dir, clock, config.clock.hold_s, budget=outbox_budget(config.outbox)
        )
        self._steps.append(Step("outbox", self.outbox.close, 0.5))
        visits = Visits(data_dir)
        self._book = InventoryBook(config, self.outbox, visits)
        self._uplink = Uplink(
            uplink_settings(config, password),
            self.outbox,
            clock,
            self._book,
            Health(clock),
            SystemRandom(),
        )
        recorder = Recorder(self.outbox)
        self._steps.append(Step("waiting observations", recorder.close, 0.5))
        board = Board(recorder)
        lending = Lending(loans(config), board)
        memos, models = Memos(self.outbox, clock.boot_id), config.models
        self._buses = [
            BusRunner(bus, clock, lending, self._identified, memos, models) for bus in config.bus
        ]
        if config.page.listen:
            self._offer_page(clock, board, visits)

    def _offer_page(self, clock: Clock, board: Board, visits: Visits) -> None:
        """Open the page if its address can be had: no reading waits for it."""
        try:
            self._page = self._open_page(clock, board, visits)
        except BusError as error:
            _log.error(PAGE_UNAVAILABLE, reason=str(error))
            return
        self._steps.append(Step("page", self._page.close, 0.6))

    def _open_page(self, clock: Clock, board: Board, visits: Visits) -> "PageServer":
        from gateway.page.desk import Desk, Parts  # noqa: PLC0415 - memory, where there is no page
        from gateway.page.server import PageServer  # noqa: PLC0415

        parts = Parts(
            config=self._config,
            clock=clock,
            outbox=self.outbox,
            board=board,
            uplink=self._uplink,
            visits=visits,
            buses=lambda: [bus.health() for bus in self._buses],
            refused=self._refused,
        )
        page = self._config.page
        pin = "" if is_loopback(page.host) else os.environ.get(PIN_VARIABLE, "")
        return PageServer(page.host, page.port, Desk(parts), pin)

    def start(self) -> None:
        """Start the uplink and every bus."""
        self._uplink.start()
        self._steps.append(Step("uplink", lambda: self._uplink.stop(1.4), 1.5))
        self._steps.append(Step("buses", self._stop_buses, 0.9))
        for bus in self._buses:
            bus.start()
        if self._page is not None:
            self._page.start()
        _log.info(STARTED, gateway=self._config.gateway.id, buses=len(self._buses))

    def stop(self) -> None:
        """Stop all, last started first, in 3 s at most."""
        while self._steps:
            _bounded(self._steps.pop())

    def _stop_buses(self) -> None:
        threads = [Thread(target=bus.stop, daemon=True) for bus in self._buses]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _identified(self, thing: str, sensor_id: str, identity: Identity) -> None:
        try:
            changed = self._book.identified(thing, sensor_id, identity)
        except StoreError as error:  # not worth a bus: it is asked again at the next start
            _log.error(NOTE_FAILED, reason=str(error))
            return
        if changed:
            self._uplink.announce()


def _bounded(step: Step) -> None:
    thread = Thread(target=_stop_one, args=(step,), daemon=True)
    thread.start()
    thread.join(step.limit_s)
    if thread.is_alive():
        _log.warning(STOP_OVERRUN, step=step.name, limit_s=step.limit_s)


def _stop_one(step: Step) -> None:
    try:
        step.stop()
    except Exception:  # noqa: BLE001 - top of the thread: the next step must have its turn
        _log.exception(STOP_FAILED, step=step.name)


def uplink_settings(config: Config, password: str | None) -> UplinkSettings:
    """Read the uplink's settings; the user name defaults to the gateway's id, given a password."""
    section = config.uplink
    username = section.username or (config.gateway.id if password else "")
    link = Link(
        client_id=config.gateway.id,
        host=section.host,
        port=section.port,
        tls=section.tls,
        ca_file=section.ca_file,
        username=username,
        password=password,
        keepalive_s=METERED_KEEPALIVE_S if section.daily_mb else KEEPALIVE_S,
    )
    heartbeat_s = section.heartbeat_s
    if heartbeat_s is None:
        heartbeat_s = METERED_HEARTBEAT_S if section.daily_mb else HEARTBEAT_S
    plan = Plan(int(section.daily_mb * 1_000_000), tuple(section.hours))
    return UplinkSettings(link, section.batch_every_s, heartbeat_s, plan)


def outbox_budget(section: OutboxSection) -> Budget:
    """Read how much the outbox may keep."""
    return Budget(int(section.keep_days * 86_400_000), int(section.max_mb * 1_000_000))


def loans(config: Config) -> list[Loan]:
    """List what sensors lend each other, by their series.

    What is lent stays fresh for one and a half intervals of its lender, up to the next value.
    """
    every_s = {place_of(sensor): sensor.interval_s for _, sensor, _ in config.sensors()}
    return [
        Loan(
            beside=datastream_name(sensor, model.field[0].property),
            lender=f"{lender_of(sensor)}/{one.lent}",
            to=datastream_name(sensor, one.property),
            fresh_ms=max(FRESH_MS, round(1500 * every_s.get(lender_of(sensor), 0))),
        )
        for _, sensor, model in config.sensors()
        for one in (model.borrowed if sensor.temperature_from else ())
    ]


def build(
    config: Config,
    source: str,
    absent_ports: AbsentPorts = "exit",
    refused: Sequence[str] = (),
) -> App:
    """Check what a person can mend, then build.

    Raises ConfigError, BusError for a serial port that is not there (unless told to "retry" until
    it is), and StoreError. `source` is the file that the configuration came from.
    """
    ca_file = config.uplink.ca_file
    if config.uplink.tls and ca_file and not Path(ca_file).is_file():
        raise ConfigError(source, f"uplink.ca_file '{ca_file}' is not there")
    if absent_ports == "exit":
        check_ports(config.bus, source)
    _check_page(config.page, source)
    return App(config, os.environ.get(PASSWORD_VARIABLE), refused)


def _check_page(page: PageSection, source: str) -> None:
    """Refuse a page that anybody on a network could use."""
    if page.listen and not is_loopback(page.host) and not is_pin(os.environ.get(PIN_VARIABLE, "")):
        raise ConfigError(
            source,
            f"page.listen '{page.listen}' can be reached from elsewhere: set {PIN_VARIABLE} to "
            "4 to 12 digits (in /etc/saxaul/gateway.env), or listen on 127.0.0.1",
        )


def check_ports(buses: Sequence[BusSection], source: str) -> None:
    """Raise BusError for the first serial port that is not there, naming those that are."""
    for bus in buses:
        if "://" not in bus.port and not Path(bus.port).exists():
            found = ", ".join(serial_ports()) or "none"
            raise BusError(
                f"{bus.port} is not there; ports found: {found}; "
                f"plug it in or correct bus '{bus.id}' in {source}"
            )
