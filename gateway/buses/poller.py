"""Sensors that are asked: every due slot becomes a poll, or missing with the reason why not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.buses.link import Link, Log
from gateway.buses.worker import BUS_BUSY, PORT_AWAY, Tally
from gateway.codecs.sdi12 import Identity
from gateway.config import SensorSection, datastream_name
from gateway.drivers.conversation import PolledDriver
from gateway.drivers.outcome import all_missing
from gateway.errors import BusError
from gateway.readings import Observation, Reading
from gateway.sampling.observations import observe
from gateway.sampling.schedule import Clock, Schedule, offset_of
from wire.catalogue import SensorModel

OnIdentified = Callable[[str, str, Identity], None]
"""Hears thing, sensor and what the sensor says of itself."""

SENSOR_IDENTIFIED = "sensor_identified"
SENSOR_UNAVAILABLE = "sensor_unavailable"
SENSOR_BACK = "sensor_back"

# At least this often the schedule is looked at again, in case the wall clock was set.
MAX_IDLE_S = 1.0


@dataclass(slots=True)
class Polled:
    """One sensor of the bus, with what is remembered about it."""

    sensor: SensorSection
    model: SensorModel
    driver: PolledDriver
    schedule: Schedule
    known: Identity | None = None
    unavailable: bool = False

    def observations(self, slot_ms: int, readings: Sequence[Reading]) -> list[Observation]:
        """Stamp readings with the slot at which their poll began."""
        return [
            observe(datastream_name(self.sensor, one.key), slot_ms, one.value, one.reason)
            for one in readings
        ]

    def missing(self, slot_ms: int, reason: str) -> list[Observation]:
        """Say for every field of the sensor why it is missing."""
        return self.observations(slot_ms, all_missing(self.model, reason))


class Poller:
    """The asked sensors of one bus."""

    def __init__(
        self,
        sensors: Sequence[Polled],
        link: Link,
        clock: Clock,
        log: Log,
        on_identified: OnIdentified | None = None,
    ) -> None:
        """Serve `sensors` over `link`; `on_identified` hears who answers at an address."""
        self.tally = Tally()
        self._sensors = sensors
        self._link = link
        self._clock = clock
        self._log = log
        self._on_identified = on_identified
        self._begun: tuple[Polled, int] | None = None
        self._done: list[Observation] = []

    def step(self) -> None:
        """Poll the sensor that is due the longest, if one is.

        One at a time: what it said is handed over before the next is asked, for a round of the
        whole bus can take a minute, and a power cut must not cost all of it.
        """
        self._link.ensure_open()
        offset_ms = offset_of(self._clock, self._clock.mono_ms())
        self._serve(min(self._sensors, key=lambda one: one.schedule.next_ms(offset_ms)))

    def abandon(self, reason: str) -> None:
        """Make the slot missing whose poll was begun and not finished."""
        if self._begun is not None:
            one, slot_ms = self._begun
            self._begun = None
            self._done += one.missing(slot_ms, reason)

    def finish(self, reason: str) -> None:
        """Make all slots missing that are due and will not be polled any more."""
        self.abandon(reason)
        for one in self._sensors:
            for slot_ms in self._due(one):
                self._done += one.missing(slot_ms, reason)

    def take(self) -> list[Observation]:
        """Hand over what has been observed since the last call."""
        done, self._done = self._done, []
        return done

    def idle_s(self) -> float:
        """Tell how long it is to the next slot, or to the next try at the port."""
        mono_ms = self._clock.mono_ms()
        offset_ms = offset_of(self._clock, mono_ms)
        waits = [one.schedule.wait_ms(mono_ms, offset_ms) / 1000 for one in self._sensors]
        if not self._link.is_open:
            waits.append(self._link.pause_s())
        return min(*waits, MAX_IDLE_S)

    def _serve(self, one: Polled) -> None:
        """Poll a sensor for its newest due slot; those before it, and during it, are past."""
        slots = self._due(one)
        if not slots:
            return
        self._skip(one, slots[:-1])
        self._begun = (one, slots[-1])
        self._done += self._observe(one, slots[-1])
        self._begun = None
        self._skip(one, self._due(one))

    def _due(self, one: Polled) -> list[int]:
        mono_ms = self._clock.mono_ms()
        return one.schedule.due(mono_ms, offset_of(self._clock, mono_ms))

    def _skip(self, one: Polled, slots: Sequence[int]) -> None:
        reason = BUS_BUSY if self._link.is_open else PORT_AWAY
        for slot_ms in slots:
            self._done += one.missing(slot_ms, reason)

    def _observe(self, one: Polled, slot_ms: int) -> list[Observation]:
        self.tally.polls += 1
        if not self._link.is_open:
            self.tally.failures += 1
            return one.missing(slot_ms, PORT_AWAY)
        try:
            readings = self._link.converse(one.driver.poll())
        except BusError:
            self.tally.failures += 1
            return one.missing(slot_ms, PORT_AWAY)
        self._note(one, readings)
        return one.observations(slot_ms, readings)

    def _note(self, one: Polled, readings: Sequence[Reading]) -> None:
        """Say once that a sensor went, once that it is back, and who it is."""
        failed = all(reading.value is None for reading in readings)
        self.tally.failures += failed
        if failed != one.unavailable:
            one.unavailable = failed
            if failed:
                self._log.warning(
                    SENSOR_UNAVAILABLE, sensor=one.sensor.id, reason=readings[0].reason
                )
            else:
                self._log.info(SENSOR_BACK, sensor=one.sensor.id)
        identity = one.driver.identity
        if identity is not None and identity != one.known:
            one.known = identity
            self._log.info(SENSOR_IDENTIFIED, sensor=one.sensor.id, serial=identity.serial)
            if self._on_identified is not None:
                self._on_identified(one.sensor.thing, one.sensor.id, identity)
