"""One thread a bus: it serves the bus's sensors for as long as the gateway runs, come what may."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread

import structlog

from gateway.buses.link import Link
from gateway.buses.listener import Listened, Listener
from gateway.buses.poller import OnIdentified, Polled, Poller
from gateway.buses.serial_port import DEFAULT_FRAME, PortSettings, StoppedError
from gateway.buses.worker import FAULT, STOPPED, Worker
from gateway.config import BusSection, SensorSection
from gateway.drivers.conversation import PolledDriver, Talker
from gateway.drivers.modbus import ModbusDriver
from gateway.drivers.sdi12 import Sdi12Driver
from gateway.drivers.talkers import LineTalker, NmeaTalker
from gateway.readings import Observation
from gateway.sampling.schedule import Clock, Schedule
from wire.catalogue import Protocol, SensorModel, bundled

BUS_CRASHED = "bus_crashed"
OBSERVATIONS_DROPPED = "observations_dropped"

Sink = Callable[[list[Observation]], None]

RESTART_S = 1.0
STOP_S = 3.0
# What is kept in memory while the outbox takes nothing: an hour of 30 sensors at 10 s.
MAX_HELD = 50_000
NMEA_BAUD = 4800  # NMEA 0183, 3: 4800 baud, 8 data bits, no parity, 1 stop bit
SDI12_ADAPTER_BAUD = 9600  # the USB side of common adapters; the sensors' side has its own 1200


@dataclass(frozen=True, slots=True)
class BusHealth:
    """How a bus is.

    `polls` counts polls, or lines of talkers; `failures` those of them that yielded no value;
    `crashes` how often a bug, or an outbox that takes nothing, interrupted the thread.
    """

    bus: str
    open: bool
    last_error: str
    polls: int
    failures: int
    crashes: int = 0


class BusRunner:
    """A bus and its thread. `sink` gets the observations of every step; it may raise."""

    def __init__(
        self,
        bus: BusSection,
        clock: Clock,
        sink: Sink,
        on_identified: OnIdentified | None = None,
    ) -> None:
        """Prepare drivers and schedules; raises ConfigError when the section cannot be used."""
        self._bus = bus
        self._sink = sink
        self._log = structlog.get_logger().bind(bus=bus.id, port=bus.port)
        self._stop = Event()
        self._link = Link(port_settings(bus), clock.mono_ms, self._stop, self._log)
        self._worker = self._prepare(clock, on_identified)
        self._held: list[Observation] = []
        self._crashes = 0
        self._thread = Thread(target=self._run, name=f"bus-{bus.id}", daemon=True)

    def start(self) -> None:
        """Begin to serve the bus."""
        self._thread.start()

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Stop, also in the middle of a poll, which becomes missing; returns when it is done."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def health(self) -> BusHealth:
        """Say how the bus is."""
        tally = self._worker.tally
        return BusHealth(
            bus=self._bus.id,
            open=self._link.is_open,
            last_error=self._link.last_error,
            polls=tally.polls,
            failures=tally.failures,
            crashes=self._crashes,
        )

    def _prepare(self, clock: Clock, on_identified: OnIdentified | None) -> Worker:
        now = clock.mono_ms()
        pairs = [
            (one, bundled()[one.model], Schedule(one.interval_s, now)) for one in self._bus.sensor
        ]
        if self._bus.protocol in (Protocol.NMEA0183, Protocol.LINE):
            listened = [Listened(s, model, talker(s, model), plan) for s, model, plan in pairs]
            return Listener(listened, self._link, clock)
        polled = [Polled(s, model, polled_driver(s, model), plan) for s, model, plan in pairs]
        return Poller(polled, self._link, clock, self._log, on_identified)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._worker.step()
                self._deliver()
                self._stop.wait(self._worker.idle_s())
            except StoppedError:
                break
            except Exception:  # noqa: BLE001 - top of the thread: log, count, go on
                self._log.exception(BUS_CRASHED)
                self._crashes += 1
                self._worker.abandon(FAULT)
                self._shed()
                self._stop.wait(RESTART_S)
        self._finish()

    def _finish(self) -> None:
        self._worker.finish(STOPPED)
        try:
            self._deliver()
        except Exception:  # noqa: BLE001 - top of the thread: say what is lost, then end it
            self._log.exception(OBSERVATIONS_DROPPED, count=len(self._held))
        self._link.close()

    def _deliver(self) -> None:
        """Hand over what was observed; what the sink refuses is kept for the next round."""
        self._held += self._worker.take()
        if self._held:
            self._sink(list(self._held))
            self._held.clear()

    def _shed(self) -> None:
        """Bound what is kept while the sink takes nothing, the oldest first."""
        if (surplus := len(self._held) - MAX_HELD) > 0:
            self._log.error(OBSERVATIONS_DROPPED, count=surplus)
            del self._held[:surplus]


def port_settings(bus: BusSection) -> PortSettings:
    """Find the serial settings of a bus: its own, else its first sensor's model's."""
    model = bundled()[bus.sensor[0].model]
    frame = model.modbus.frame if model.modbus is not None else DEFAULT_FRAME
    return PortSettings(bus.port, bus.baud or _default_baud(model), bus.frame or frame)


def _default_baud(model: SensorModel) -> int:
    if model.modbus is not None:
        return model.modbus.baud
    if model.line is not None:
        return model.line.baud
    return NMEA_BAUD if model.protocol is Protocol.NMEA0183 else SDI12_ADAPTER_BAUD


def polled_driver(sensor: SensorSection, model: SensorModel) -> PolledDriver:
    """Choose the driver of a sensor that is asked."""
    if model.protocol is Protocol.SDI12:
        return Sdi12Driver(model, sensor.address)
    return ModbusDriver(model, sensor.address)


def talker(sensor: SensorSection, model: SensorModel) -> Talker:
    """Choose the reader of a sensor that speaks by itself."""
    if model.protocol is Protocol.NMEA0183:
        return NmeaTalker(model)
    return LineTalker(model, sensor.address)
