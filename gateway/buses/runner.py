"""One thread a bus: it serves the bus's sensors for as long as the gateway runs, come what may."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event, Thread

import structlog

from gateway.buses.asking import Questions
from gateway.buses.handover import Handover
from gateway.buses.link import Link, Log
from gateway.buses.listener import LearnsTime, Listened, Listener
from gateway.buses.poller import OnIdentified, Polled, Poller
from gateway.buses.serial_port import DEFAULT_FRAME, SLICE_S, PortSettings, StoppedError
from gateway.buses.worker import FAULT, STOPPED, Worker
from gateway.config import BusSection, SensorSection, place_of
from gateway.drivers.conversation import PolledDriver, Talker
from gateway.drivers.davis import DavisDriver
from gateway.drivers.lines import LineAsker
from gateway.drivers.modbus import ModbusDriver
from gateway.drivers.sdi12 import ADAPTERS, AdapterKind, Sdi12Driver
from gateway.drivers.talkers import LineTalker, NmeaTalker
from gateway.readings import Observation
from gateway.sampling.memory import Forgetful, Memory
from gateway.sampling.plan import plan_of
from gateway.sampling.sampler import Sampler
from gateway.sampling.schedule import Clock, Schedule
from wire.catalogue import Protocol, SensorModel, bundled

BUS_CRASHED = "bus_crashed"
PORT_LENT = "port_lent"
PORT_TAKEN_BACK = "port_taken_back"
OBSERVATIONS_DROPPED = "observations_dropped"

Sink = Callable[[list[Observation]], None]

RESTART_S = 1.0
STOP_S = 3.0
# How long who wants the port waits for it: polls under way come to their end first.
HANDOVER_S = 20.0
# What is kept in memory while the outbox takes nothing: an hour of 30 sensors at 10 s.
MAX_HELD = 50_000
DAVIS_BAUD = 19200  # Davis serial manual, "RS-232 Serial Communication"
NMEA_BAUD = 4800  # NMEA 0183, 3: 4800 baud, 8 data bits, no parity, 1 stop bit
# Where we make the breaks, we must know soon that no answer begins (SDI-12 v1.4, 7.2).
BREAKING_SLICE_S = 0.01


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


@dataclass(frozen=True, slots=True)
class BusSite:
    """What the sensors of a bus are served with: line, clock, log, and where things are kept."""

    link: Link
    clock: Clock
    log: Log
    on_identified: OnIdentified | None = None
    memory: Memory = field(default_factory=Forgetful)


class BusRunner:
    """A bus and its thread. `sink` gets the observations of every step; it may raise."""

    def __init__(
        self,
        bus: BusSection,
        clock: Clock,
        sink: Sink,
        on_identified: OnIdentified | None = None,
        memory: Memory | None = None,
        models: Mapping[str, SensorModel] | None = None,
    ) -> None:
        """Prepare drivers and schedules; raises ConfigError when the section cannot be used.

        `memory` tells where counters stood when the gateway ended; `models` are those the sensors
        are of (by itself the bundled ones).
        """
        self._bus = bus
        self._models = bundled() if models is None else models
        self._sink = sink
        self._log = structlog.get_logger().bind(bus=bus.id, port=bus.port)
        self._stop = Event()
        self._link = Link(port_settings(bus, self._models), clock.mono_ms, self._stop, self._log)
        site = BusSite(self._link, clock, self._log, on_identified, memory or Forgetful())
        self._worker = worker_of(bus, self._models, site)
        self._handover = Handover()
        self.questions = self._worker.questions if isinstance(self._worker, Poller) else Questions()
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
            last_error=self._link.lent_for or self._link.last_error,
            polls=tally.polls,
            failures=tally.failures,
            crashes=self._crashes,
        )

    def ask(self, place: str) -> None:
        """Have a sensor (thing/sensor) read as soon as the bus has time, between its slots.

        What comes of it is in `questions`; it is no observation.
        """
        self.questions.put(place)
        if isinstance(self._worker, Listener):
            self.questions.answer(place, self._worker.heard(place))

    def without_port(
        self, reason: str, timeout_s: float = HANDOVER_S
    ) -> AbstractContextManager[None]:
        """Have the bus leave its port to somebody else for a while; then it takes it back.

        What is due meanwhile is missing for this reason. Entering raises BusError when the bus
        does not let go in time.
        """
        return self._handover.taken(reason, timeout_s)

    def _heed(self) -> None:
        """Give the port out of hand, or take it back, as is wanted."""
        wanted, link, worker = self._handover.wanted, self._link, self._worker
        if wanted and not link.lent_for:
            if isinstance(worker, Poller) and not worker.settles(wanted):
                return
            link.lend(wanted)
            self._log.info(PORT_LENT, reason=wanted)
        elif not wanted:
            if isinstance(worker, Poller):
                worker.go_on()
            if link.lent_for:
                link.take_back()
                self._log.info(PORT_TAKEN_BACK)
        if wanted:
            self._handover.give()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._heed()
                self._worker.step()
                self._deliver()
                self._stop.wait(self._worker.idle_s())
            except StoppedError:
                break
            except Exception:  # noqa: BLE001 - top of the thread: log, count, go on
                self._log.exception(BUS_CRASHED)
                self._crashes += 1
                self._give_up(self._worker.abandon, FAULT)
                self._shed()
                self._stop.wait(RESTART_S)
        self._finish()

    def _finish(self) -> None:
        self._give_up(self._worker.finish, STOPPED)
        try:
            self._deliver()
        except Exception:  # noqa: BLE001 - top of the thread: say what is lost, then end it
            self._log.exception(OBSERVATIONS_DROPPED, count=len(self._held))
        self._link.close()

    def _give_up(self, what: Callable[[str], None], reason: str) -> None:
        """Give up what was begun; whatever comes of that, the thread goes on."""
        try:
            what(reason)
        except Exception:  # noqa: BLE001 - top of the thread: log, and go on without it
            self._log.exception(BUS_CRASHED)

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


def worker_of(bus: BusSection, models: Mapping[str, SensorModel], site: BusSite) -> Worker:
    """Prepare the drivers and schedules of a bus; raises ConfigError when it cannot be used."""
    clock, memory = site.clock, site.memory
    now = clock.mono_ms()
    pairs = [(one, models[one.model]) for one in bus.sensor]
    if all(model.talks for _, model in pairs):
        listened = [
            Listened(s, model, talker(s, model), Schedule(s.interval_s, now), memory)
            for s, model in pairs
        ]
        is_nmea = bus.protocol is Protocol.NMEA0183
        on_line = clock.hear if is_nmea and isinstance(clock, LearnsTime) else None
        return Listener(listened, site.link, clock, site.log, on_line)
    polled = [
        Polled(
            s,
            model,
            polled_driver(s, model, bus.adapter),
            Schedule(s.sample_s or s.interval_s, now),
            sampler(s, model, clock, memory),
        )
        for s, model in pairs
    ]
    return Poller(polled, site.link, clock, site.log, site.on_identified)


def port_settings(bus: BusSection, models: Mapping[str, SensorModel] | None = None) -> PortSettings:
    """Find the serial settings of a bus: its own, else its adapter's or first sensor's model's."""
    if bus.protocol is Protocol.SDI12:
        adapter = ADAPTERS[bus.adapter]
        return PortSettings(
            port=bus.port,
            baud=bus.baud or adapter.baud,
            frame=bus.frame or adapter.frame,
            slice_s=BREAKING_SLICE_S if adapter.host_breaks else SLICE_S,
            start_s=adapter.start_s,
        )
    model = (bundled() if models is None else models)[bus.sensor[0].model]
    baud, frame = _usual(model)
    return PortSettings(bus.port, bus.baud or baud, bus.frame or frame)


def _usual(model: SensorModel) -> tuple[int, str]:
    """Find how an instrument is set when it leaves the factory: baud and frame."""
    if model.modbus is not None:
        return model.modbus.baud, model.modbus.frame
    if model.line is not None:
        return model.line.baud, model.line.frame
    return DAVIS_BAUD if model.protocol is Protocol.DAVIS else NMEA_BAUD, DEFAULT_FRAME


def polled_driver(
    sensor: SensorSection, model: SensorModel, adapter: AdapterKind = AdapterKind.LINE
) -> PolledDriver:
    """Choose the driver of a sensor that is asked."""
    if model.protocol is Protocol.SDI12:
        return Sdi12Driver(model, sensor.address, ADAPTERS[adapter])
    if model.protocol is Protocol.LINE:
        return LineAsker(model, sensor.address)
    if model.protocol is Protocol.DAVIS:
        return DavisDriver(model, sensor.address)
    return ModbusDriver(model, sensor.address)


def talker(sensor: SensorSection, model: SensorModel) -> Talker:
    """Choose the reader of a sensor that speaks by itself."""
    if model.protocol is Protocol.NMEA0183:
        return NmeaTalker(model)
    return LineTalker(model, sensor.address)


def sampler(sensor: SensorSection, model: SensorModel, clock: Clock, memory: Memory) -> Sampler:
    """Make what turns a sensor's samples into observations."""
    plan = plan_of(model, sensor.interval_s, sensor.sample_s)
    return Sampler(place_of(sensor), plan, clock, memory, model.warm_up_s)
