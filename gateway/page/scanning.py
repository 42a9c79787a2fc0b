"""The scan on the page: one at a time, bounded, told while it goes, and to be broken off.

A port that a bus of this gateway holds is scanned while that bus does without it. What scans is
imported when it is first needed: most of the time nobody does.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Protocol

import structlog

from gateway.buses.port_errors import serial_ports
from gateway.buses.serial_port import StoppedError
from gateway.config import Config
from gateway.errors import GatewayError
from wire.errors import ConfigError

if TYPE_CHECKING:
    from gateway.scan import Extent, Finding

SCAN_BEGUN = "scan_begun"
SCAN_ENDED = "scan_ended"
SCAN_FAILED = "scan_failed"
SENSORS_ADDED = "sensors_added"

BEING_SCANNED = "being scanned"
# A port on which nothing is takes under two minutes, a bus of ten sensors one.
LIMIT_S = 240.0
_STOP_S = 0.4
NOTHING = "nothing was found: look at power, wiring (A and B swapped?) and address"
RESTART = "to have them read, restart the gateway, here or by its power"

_log = structlog.get_logger(__name__)


class Bus(Protocol):
    """A bus of the running gateway, which may leave its port to a scan for a while."""

    def without_port(self, reason: str) -> AbstractContextManager[None]:
        """Have the port; entering raises BusError."""


class Phase(StrEnum):
    """How far a scan is."""

    NONE = "none"
    RUNNING = "running"
    ENDED = "ended"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Reach:
    """Which ports there are, and how far to look on one: as `scan` does, where not said."""

    extent: "Extent | None" = None
    ports: Callable[[], Sequence[str]] = serial_ports


@dataclass(frozen=True, slots=True)
class Port:
    """A serial port; `bus` is the one of this gateway that holds it, empty where none does."""

    port: str
    bus: str = ""
    sensors: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A sensor that was found: `models` it can be, a live value, and why it cannot be used.

    `spared`: no value was asked for, because it would have handed its rain over.
    """

    port: str
    protocol: str
    baud: int
    address: str
    models: Sequence[str]
    says: str
    live: str
    trouble: str
    spared: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """What the page shows of a scan.

    `toml` is what would be added to gateway.toml, `fault` why nothing can be added or found.
    """

    phase: Phase
    ports: Sequence[Port]
    limit_s: float
    port: str = ""
    doing: str = ""
    elapsed_s: float = 0.0
    seen: Sequence[Seen] = ()
    toml: str = ""
    fault: str = ""
    added: str = ""


@dataclass(slots=True)
class _Run:
    """One scan, as its thread fills it in."""

    port: Port
    begun_s: float
    stop: Event = field(default_factory=Event)
    findings: "list[Finding]" = field(default_factory=list)
    phase: Phase = Phase.RUNNING
    doing: str = ""
    fault: str = ""
    added: str = ""
    ended_s: float | None = None
    thread: Thread | None = None


class Scanning:
    """Scans for the page. Safe to share by threads."""

    def __init__(
        self,
        config: Config,
        path: Path,
        buses: Mapping[str, Bus],
        mono_s: Callable[[], float],
        reach: "Reach | None" = None,
    ) -> None:
        """Scan for the gateway whose settings are in `path`; nothing has been scanned yet."""
        self._config = config
        self._path = path
        self._buses = buses
        self._mono_s = mono_s
        self._reach = reach or Reach()
        self._lock = Lock()
        self._closed = False
        self._run: _Run | None = None

    @property
    def phase(self) -> Phase:
        """Tell how far the scan is."""
        return Phase.NONE if self._run is None else self._run.phase

    @property
    def port(self) -> str:
        """Name the port that was scanned last, or is."""
        return "" if self._run is None else self._run.port.port

    def ports(self) -> list[Port]:
        """List the ports of this machine, and those of the buses wherever they are."""
        held = [
            Port(bus.port, bus.id, len(bus.sensor))
            for bus in self._config.bus
            if bus.id in self._buses
        ]
        devices = {_device(one.port) for one in held}
        free = [Port(one) for one in self._reach.ports() if _device(one) not in devices]
        return [*free, *held]

    def start(self, port: str, *, pause: bool) -> None:
        """Begin to scan a port; `pause` says that the bus which holds it may be interrupted.

        Raises ValueError where that is not so, for a port that is not there, and while a scan is
        going on.
        """
        known = next((one for one in self.ports() if one.port == port), None)
        if known is None:
            raise ValueError(f"there is no port {port} any more: look at its plug")
        if known.bus and not pause:
            raise ValueError(
                f"line '{known.bus}' reads its sensors on this port: say that it may be interrupted"
            )
        with self._lock:
            if self._closed:
                raise ValueError("the gateway is stopping: try again when it is back")
            if self._run is not None and self._run.phase is Phase.RUNNING:
                raise ValueError(f"a scan of {self._run.port.port} is going on: stop it first")
            run = _Run(known, self._mono_s())
            run.thread = Thread(target=self._scan, args=(run,), name="scan", daemon=True)
            self._run = run
            run.thread.start()

    def stop(self) -> None:
        """Break the scan off; what was found so far stays."""
        run = self._run
        if run is not None:
            run.stop.set()

    def close(self) -> None:
        """Break the scan off, begin no other, and wait a moment until its port is free."""
        with self._lock:
            self._closed = True
        self.stop()
        run = self._run
        if run is not None and run.thread is not None:
            run.thread.join(_STOP_S)

    def progress(self, thing: str) -> Progress:
        """Tell how far it is; what was found would go to the station `thing`, or to the first."""
        run, ports = self._run, self.ports()
        if run is None:
            return Progress(Phase.NONE, ports, LIMIT_S)
        ended_s = self._mono_s() if run.ended_s is None else run.ended_s
        toml, fault = "", run.fault
        if run.phase is not Phase.RUNNING and not run.added:
            try:
                toml = self._preview(run, thing or self._config.thing[0].id)
            except ConfigError as error:
                fault = str(error)
        return Progress(
            run.phase,
            ports,
            LIMIT_S,
            run.port.port,
            run.doing,
            round(ended_s - run.begun_s, 1),
            _seen(run),
            toml,
            fault,
            run.added,
        )

    def add(self, thing: str, shown: str) -> str:
        """Add what was found to gateway.toml, as it was `shown`; tells what is needed now.

        Raises ValueError when that is not what would be added, and ConfigError.
        """
        from gateway.scan.adding import add  # noqa: PLC0415 - see the module's docstring

        with self._lock:
            run = self._run
            if run is None or run.phase is Phase.RUNNING or not shown.strip():
                raise ValueError("there is nothing to add")
            if self._preview(run, thing) != shown:
                raise ValueError("something else would be added by now: look again")
            run.added = add(self._path, run.findings, thing)
            _log.info(SENSORS_ADDED, port=run.port.port, file=str(self._path))
        return f"added to {self._path}; {RESTART}"

    def _preview(self, run: _Run, thing: str) -> str:
        from gateway.scan.adding import preview  # noqa: PLC0415

        if not any(one.named for one in run.findings):
            return ""
        return preview(self._path, run.findings, thing)

    def _scan(self, run: _Run) -> None:
        _log.info(SCAN_BEGUN, port=run.port.port, bus=run.port.bus)
        try:
            phase, run.fault = Phase.ENDED, self._look(run)
        except StoppedError:
            phase = Phase.STOPPED
            if not run.stop.is_set():
                run.fault = f"broken off after {LIMIT_S:g} s: what was found so far is below"
        except (GatewayError, ConfigError) as error:
            phase, run.fault = Phase.FAILED, str(error)
        except Exception as error:  # noqa: BLE001 - top of the thread
            _log.exception(SCAN_FAILED, port=run.port.port)
            phase, run.fault = Phase.FAILED, f"a fault of ours; see the log ({error})"
        run.ended_s = self._mono_s()
        run.phase = phase
        _log.info(SCAN_ENDED, port=run.port.port, phase=run.phase, found=len(_seen(run)))

    def _look(self, run: _Run) -> str:
        """Scan; gives what could not be looked at and why, or that nothing is there."""
        from gateway.scan import Extent, Scanner  # noqa: PLC0415

        def say(text: str) -> None:
            run.doing = text

        def stopping() -> bool:
            return run.stop.is_set() or self._mono_s() - run.begun_s > LIMIT_S

        extent = replace(self._reach.extent or Extent(), spares_gauges=bool(run.port.bus))
        scanner = Scanner(self._config.models, say, extent, stopping)
        run.findings = scanner.findings
        if run.port.bus:
            say(f"{run.port.port}: waiting until line '{run.port.bus}' lets go of it")
        with self._without(run.port.bus):
            scanner.run([run.port.port])
        told = [*scanner.refused, *scanner.untried]
        if not (scanner.refused or scanner.findings):
            told.insert(0, NOTHING)
        return "; ".join(told)

    def _without(self, bus: str) -> AbstractContextManager[None]:
        return self._buses[bus].without_port(BEING_SCANNED) if bus else nullcontext()


def _device(port: str) -> str:
    return port if "://" in port else str(Path(port).resolve())


def _seen(run: _Run) -> list[Seen]:
    return [
        Seen(
            found.port,
            found.protocol.value,
            found.baud,
            one.address,
            one.models,
            one.says,
            one.live,
            one.trouble,
            spared=bool(run.port.bus and one.models and not one.live),
        )
        for found in list(run.findings)
        for one in list(found.sensors)
    ]
