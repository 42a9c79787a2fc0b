"""The gateway's wiring: what is built from a configuration, started, and stopped in reverse."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from threading import Event, Thread
from typing import TYPE_CHECKING, Literal

import structlog

from gateway.buses.lending import FRESH_MS, Lending, Loan
from gateway.buses.port_errors import serial_ports
from gateway.buses.runner import BusRunner
from gateway.clock import Clock
from gateway.config import (
    BusSection,
    Config,
    Fault,
    OutboxSection,
    PageSection,
    datastream_name,
    is_loopback,
    lender_of,
    line_of,
    place_of,
)
from gateway.errors import BusError, StoreError
from gateway.health import Health
from gateway.inventory import Identity, InventoryBook
from gateway.outbox import Budget, DataDirLock, Outbox
from gateway.page.board import Board
from gateway.page.pin import is_pin
from gateway.page.visits import Visits
from gateway.recording import Memos, Recorder, Relay, StopNote
from gateway.uplink import KEEPALIVE_S, Link, Plan, Uplink, UplinkSettings
from wire.errors import ConfigError

if TYPE_CHECKING:
    from gateway.page.desk import Desk
    from gateway.page.opener import PageOpener
    from gateway.page.scanning import Scanning
    from gateway.page.server import PageServer

PIN_VARIABLE = "SAXAUL_PAGE_PIN"
PASSWORD_VARIABLE = "SAXAUL_MQTT_PASSWORD"  # noqa: S105 - the variable's name

STARTED = "gateway_started"
STOPPED = "gateway_stopped"
STOP_OVERRUN = "stop_step_overrun"
STOP_FAILED = "stop_step_failed"
NOTE_FAILED = "identity_not_kept"

# A status costs 400 bytes and more with all that carries it, a ping 200: every minute and every
# half minute that is 1 MB a day. Four minutes keep what networks remember of a connection alive.
HEARTBEAT_S, METERED_HEARTBEAT_S = 60.0, 900.0
METERED_KEEPALIVE_S = 240

# How long a write may take before a restart is refused, and how long after a stop what hangs may
# take to end before the gateway is built again.
DISK_S = 3.0
END_S, END_LOOK_S = 60.0, 0.1
RESTART_NOTE = "restart_wanted"

AbsentPorts = Literal["exit", "retry"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """One named piece of stopping, and how long it may take."""

    name: str
    stop: Callable[[], None]
    limit_s: float


class App:
    """A gateway that can be started once and stopped once.

    `restart_wanted` is set when a person wants it to be built again from its settings.
    """

    def __init__(
        self,
        config: Config,
        password: str | None,
        faults: Sequence[Fault] = (),
        source: str = "gateway.toml",
        absent_ports: AbsentPorts = "retry",
    ) -> None:
        """Take the data folder and open the outbox; raises StoreError. No port is touched yet.

        `faults` say what of the settings cannot be used, and `source` names their file, for the
        technician's page and the server. `absent_ports` is what it is built again with.
        """
        data_dir = Path(config.gateway.data_dir)
        self._config = config
        self._faults = faults
        self._source = Path(source)
        self._absent_ports = absent_ports
        self._steps: list[Step] = []
        self._hanging: list[Thread] = []
        self.restart_wanted = Event()
        self._page: PageOpener | None = None
        self._scanning: Scanning | None = None
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
        self._book = InventoryBook(config, self.outbox, visits, clock, self._faults)
        self._uplink = Uplink(
            uplink_settings(config, password),
            self.outbox,
            clock,
            self._book,
            Health(clock),
            SystemRandom(),
        )
        note = StopNote(data_dir)
        note.settle(self.outbox.count_dropped)
        recorder = Recorder(self.outbox, note.keep)
        self._relay = Relay(recorder, note.keep)
        self._steps.append(Step("waiting observations", recorder.close, 0.5))
        self._steps.append(Step("recorder", self._relay.close, 0.6))
        board = Board(self._relay)
        lending = Lending(loans(config), board)
        memos, models = Memos(self.outbox, clock.boot_id, self._relay.keep), config.models
        self._buses = [
            BusRunner(bus, clock, lending, self._identified, memos, models) for bus in config.bus
        ]
        if config.page.listen:
            self._offer_page(clock, board, visits)

    def _offer_page(self, clock: Clock, board: Board, visits: Visits) -> None:
        """Prepare the page; its address is tried for as long as it takes, beside all else."""
        from gateway.page.desk import Desk, Parts  # noqa: PLC0415 - memory, where there is no page
        from gateway.page.opener import PageOpener  # noqa: PLC0415
        from gateway.page.scanning import Scanning  # noqa: PLC0415

        buses = {bus.id: runner for bus, runner in zip(self._config.bus, self._buses, strict=True)}
        scanning = Scanning(self._config, self._source, buses, time.monotonic)
        parts = Parts(
            config=self._config,
            clock=clock,
            outbox=self.outbox,
            board=board,
            uplink=self._uplink,
            visits=visits,
            buses=buses,
            scanning=scanning,
            settings=self._source,
            restart=self._restart,
            refused=[str(one) for one in self._faults],
        )
        self._scanning, desk = scanning, Desk(parts)
        self._page = PageOpener(lambda: self._open_page(desk))
        self._steps.append(Step("page", self._page.close, 0.6))

    def _open_page(self, desk: "Desk") -> "PageServer":
        from gateway.page.server import PageServer  # noqa: PLC0415

        page = self._config.page
        pin = "" if is_loopback(page.host) else os.environ.get(PIN_VARIABLE, "")
        return PageServer(page.host, page.port, desk, pin)

    def start(self) -> None:
        """Start the uplink and every bus."""
        self._note_standing()
        self._uplink.start()
        self._steps.append(Step("uplink", lambda: self._uplink.stop(1.4), 1.5))
        self._relay.start()
        self._steps.append(Step("recorder", self._relay.stop, 0.6))
        self._steps.append(Step("buses", self._stop_buses, 0.9))
        if self._scanning is not None:  # which may have a bus's port
            self._steps.append(Step("scan", self._scanning.close, 0.5))
        for bus in self._buses:
            bus.start()
        if self._page is not None:
            self._page.start()
        _log.info(STARTED, gateway=self._config.gateway.id, buses=len(self._buses))

    def stop(self) -> None:
        """Stop all, last started first, in 6 s at most, whatever hangs."""
        while self._steps:
            thread = _bounded(self._steps.pop())
            if thread.is_alive():
                self._hanging.append(thread)

    def await_end(self, stop: Event, timeout_s: float = END_S) -> None:
        """Wait, after a stop, for what overran its time: nothing else may use the files before.

        No longer than until `stop` is set. Raises StoreError for what does not end.
        """
        until_s = time.monotonic() + timeout_s
        while (hanging := [one.name for one in self._hanging if one.is_alive()]) and not stop.wait(
            END_LOOK_S
        ):
            if time.monotonic() > until_s:
                raise StoreError(
                    f"{self.outbox.path}: not started again in this process: of what ran before "
                    f"this does not end: {', '.join(hanging)} (a disk or a port does not answer); "
                    "start the gateway anew, and look at the disk when this comes back"
                )

    def _restart(self, config: Config) -> None:
        """Have it built again from settings, where that would be refused by nothing."""
        check(config, str(self._source), self._absent_ports)
        self._check_disk()
        self.restart_wanted.set()

    def _check_disk(self) -> None:
        """Raise StoreError while the disk stalls: what waits for it would be lost by a restart."""
        thread = Thread(target=self._touch_disk, daemon=True)
        thread.start()
        thread.join(DISK_S)
        if thread.is_alive():
            raise StoreError(
                f"{self.outbox.path}: the disk does not answer, so the gateway is not started "
                "again now; try again in a minute"
            )

    def _touch_disk(self) -> None:
        with suppress(StoreError):  # a disk that refuses, answers
            self.outbox.set_meta({RESTART_NOTE: self._source.name})

    def _stop_buses(self) -> None:
        threads = [Thread(target=bus.stop, daemon=True) for bus in self._buses]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _note_standing(self) -> None:
        """Note since when what is attached is as it is, whenever the server hears of it."""
        with suppress(StoreError):
            self._book.current()

    def _identified(self, thing: str, sensor_id: str, identity: Identity) -> None:
        try:
            changed = self._book.identified(thing, sensor_id, identity)
        except StoreError as error:  # not worth a bus: it is asked again at the next start
            _log.error(NOTE_FAILED, reason=str(error))
            return
        if changed:
            self._note_standing()
            self._uplink.announce()


def _bounded(step: Step) -> Thread:
    thread = Thread(target=_stop_one, args=(step,), name=step.name, daemon=True)
    thread.start()
    thread.join(step.limit_s)
    if thread.is_alive():
        _log.warning(STOP_OVERRUN, step=step.name, limit_s=step.limit_s)
    return thread


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
    faults: Sequence[Fault] = (),
) -> App:
    """Check what a person can mend, then build.

    Raises ConfigError, BusError for a serial port that is not there (unless told to "retry" until
    it is), and StoreError. `source` is the file that the configuration came from.
    """
    check(config, source, absent_ports)
    return App(config, os.environ.get(PASSWORD_VARIABLE), faults, source, absent_ports)


def check(config: Config, source: str, absent_ports: AbsentPorts) -> None:
    """Raise ConfigError or BusError for what a person can mend before anything is built."""
    ca_file = config.uplink.ca_file
    if config.uplink.tls and ca_file and not Path(ca_file).is_file():
        raise ConfigError(
            source,
            f"uplink.ca_file '{ca_file}' is not there: copy the broker's CA certificate there, or "
            "correct the path",
            line_of(source, ("uplink", "ca_file")),
        )
    if absent_ports == "exit":
        check_ports(config.bus, source)
    _check_page(config.page, source)


def _check_page(page: PageSection, source: str) -> None:
    """Refuse a page that anybody on a network could use."""
    if page.listen and not is_loopback(page.host) and not is_pin(os.environ.get(PIN_VARIABLE, "")):
        raise ConfigError(
            source,
            f"page.listen '{page.listen}' can be reached from elsewhere: set {PIN_VARIABLE} to "
            "4 to 12 digits (in /etc/saxaul/gateway.env), or listen on 127.0.0.1",
            line_of(source, ("page", "listen")),
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
