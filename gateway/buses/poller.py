"""Sensors that are asked: every due slot becomes a poll, or missing with the reason why not.

One exchange at a time is on the line, but several polls may be under way: a conversation that waits
with `others` lets the sensors go on whose turn has come.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.buses.back_off import BackOff
from gateway.buses.link import Link, Log
from gateway.buses.worker import BUS_BUSY, PORT_AWAY, Tally
from gateway.codecs.sdi12 import Identity
from gateway.config import SensorSection
from gateway.drivers.conversation import Conversation, PolledDriver, Wait
from gateway.drivers.outcome import TIMEOUT, all_missing
from gateway.errors import BusError
from gateway.readings import Observation, Reading
from gateway.sampling.sampler import Sampler
from gateway.sampling.schedule import Clock, Schedule, offset_of
from wire.catalogue import SensorModel

OnIdentified = Callable[[str, str, Identity], None]
"""Hears thing, sensor and what the sensor says of itself."""

SENSOR_IDENTIFIED = "sensor_identified"
SENSOR_UNAVAILABLE = "sensor_unavailable"
SENSOR_BACK = "sensor_back"

# At least this often the schedule is looked at again, in case the wall clock was set.
MAX_IDLE_S = 1.0
# So much earlier must a failing sensor be due to be asked before one that works.
PATIENCE_MS = 5_000


@dataclass(slots=True)
class Polled:
    """One sensor of the bus, with what is remembered about it."""

    sensor: SensorSection
    model: SensorModel
    driver: PolledDriver
    schedule: Schedule
    sampler: Sampler
    known: Identity | None = None
    unavailable: bool = False
    back_off: BackOff = field(init=False)

    def __post_init__(self) -> None:
        """Think well of it at first."""
        self.back_off = BackOff(self.sensor.sample_s or self.sensor.interval_s)

    def observations(self, slot_ms: int, readings: Sequence[Reading]) -> list[Observation]:
        """Take the sample of the slot at which a poll began; give what is to be reported now.

        Every slot comes once, in order.
        """
        return self.sampler.take(slot_ms, readings)

    def missing(self, slot_ms: int, reason: str) -> list[Observation]:
        """Say for a slot, and every field of the sensor, why it is missing."""
        return self.observations(slot_ms, all_missing(self.model, reason))


@dataclass(slots=True)
class _Poll:
    """A poll that has begun, and when its conversation goes on."""

    slot_ms: int
    conversation: Conversation[list[Reading]]
    resume_ms: int = 0
    began: bool = False


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
        self._polls: dict[int, _Poll] = {}  # under way, by the sensor's place in `sensors`
        self._now: int | None = None  # whose poll is being carried on
        self._openings = 0
        self._done: list[Observation] = []

    def step(self) -> None:
        """Carry on the poll, or begin the one, that is due the longest, if one is.

        One at a time: what a sensor said is handed over before the next is asked, for a round of
        the whole bus can take a minute, and a power cut must not cost all of it.
        """
        self._link.ensure_open()
        if self._link.openings != self._openings:
            self._openings = self._link.openings
            self._forgive()
        mono_ms = self._clock.mono_ms()
        places = range(len(self._sensors))
        if due := [place for place in places if self._due_ms(place) <= mono_ms]:
            place = min(due, key=self._rank)
            if place in self._polls or self._begin(place):
                self._carry_on(place)

    def abandon(self, reason: str) -> None:
        """Make the slot missing whose poll was being carried on and broke off."""
        if self._now is not None:
            self._end(self._now, reason)

    def finish(self, reason: str) -> None:
        """Make all slots missing that are due and will not be polled any more."""
        for place, one in enumerate(self._sensors):
            if place in self._polls:
                self._end(place, reason)
            for slot_ms in self._slots(one):
                self._done += one.missing(slot_ms, reason)

    def take(self) -> list[Observation]:
        """Hand over what has been observed since the last call."""
        done, self._done = self._done, []
        return done

    def idle_s(self) -> float:
        """Tell how long it is until something is due, or to the next try at the port."""
        mono_ms = self._clock.mono_ms()
        dues = [self._due_ms(place) for place in range(len(self._sensors))]
        waits = [max(0, min(dues) - mono_ms) / 1000]
        if not self._link.is_open:
            waits.append(self._link.pause_s())
        return min(*waits, MAX_IDLE_S)

    def _due_ms(self, place: int) -> int:
        """Tell when a sensor's turn comes: its poll's, or else its next slot's."""
        if place in self._polls:
            return self._polls[place].resume_ms
        mono_ms = self._clock.mono_ms()
        return self._sensors[place].schedule.next_ms(offset_of(self._clock, mono_ms))

    def _rank(self, place: int) -> tuple[int, bool]:
        """Order what is due: by its time, and those that fail a while after those that work.

        A poll that gave way comes after those that it gave way to.
        """
        due_ms = self._due_ms(place) + PATIENCE_MS * self._sensors[place].unavailable
        return due_ms, place in self._polls

    def _begin(self, place: int) -> bool:
        """Begin to poll for the newest due slot; those before it are past.

        False when there is no use in asking: the slot is missing then.
        """
        one = self._sensors[place]
        slots = self._slots(one)
        if not slots:  # the wall clock has just been set
            return False
        self._skip(one, slots[:-1])
        slot_ms = slots[-1]
        if self._link.is_open and one.back_off.holds(self._clock.mono_ms()):
            self._done += one.missing(slot_ms, TIMEOUT)
            return False
        self.tally.polls += 1
        if not self._link.is_open:
            self.tally.failures += 1
            self._done += one.missing(slot_ms, PORT_AWAY)
            return False
        self._polls[place] = _Poll(slot_ms, one.driver.poll())
        return True

    def _carry_on(self, place: int) -> None:
        """Hold a conversation until it ends or waits with others."""
        poll = self._polls[place]
        self._now = place
        try:
            readings = self._hold(poll)
        except BusError:
            self.tally.failures += 1
            self._end(place, PORT_AWAY)
            return
        if readings is not None:
            one = self._sensors[place]
            self._note(one, readings)
            self._done += one.observations(poll.slot_ms, readings)
            del self._polls[place]
            self._skip(one, self._slots(one))
        self._now = None

    def _hold(self, poll: _Poll) -> list[Reading] | None:
        """Take steps up to the end, or None at a wait that others may use."""
        talk = poll.conversation
        try:
            step = talk.send(b"") if poll.began else next(talk)
            poll.began = True
            while not (isinstance(step, Wait) and step.others):
                step = talk.send(self._link.take(step))
        except StopIteration as done:
            readings: list[Reading] = done.value
            return readings
        poll.resume_ms = self._clock.mono_ms() + round(step.seconds * 1000)
        return None

    def _end(self, place: int, reason: str) -> None:
        """Give a poll up: its slot is missing."""
        self._now = None
        poll = self._polls.pop(place)
        poll.conversation.close()
        self._done += self._sensors[place].missing(poll.slot_ms, reason)

    def _slots(self, one: Polled) -> list[int]:
        mono_ms = self._clock.mono_ms()
        return one.schedule.due(mono_ms, offset_of(self._clock, mono_ms))

    def _skip(self, one: Polled, slots: Sequence[int]) -> None:
        for slot_ms in slots:
            self._done += one.missing(slot_ms, self._why_skipped(one))

    def _why_skipped(self, one: Polled) -> str:
        if not self._link.is_open:
            return PORT_AWAY
        return TIMEOUT if one.back_off.holds(self._clock.mono_ms()) else BUS_BUSY

    def _forgive(self) -> None:
        """Ask all sensors again at their next slots."""
        for one in self._sensors:
            one.back_off.reset()

    def _note(self, one: Polled, readings: Sequence[Reading]) -> None:
        """Say once that a sensor went, once that it is back, and who it is."""
        failed = all(reading.value is None for reading in readings)
        self.tally.failures += failed
        if all(reading.reason == TIMEOUT for reading in readings):
            one.back_off.silent(self._clock.mono_ms())
        elif one.back_off.is_begun:
            self._forgive()  # what ailed it, a cable or the supply, may have ailed the others too
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
