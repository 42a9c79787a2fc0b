"""Sensors that are asked: every due slot becomes a poll, or missing with the reason why not.

One exchange at a time is on the line, but several polls may be under way: a conversation that waits
with `others` lets the sensors go on whose turn has come. A sensor that a person asks is polled when
nothing is due; its slots stay where they are.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.buses.asking import Answer, Questions
from gateway.buses.back_off import BackOff
from gateway.buses.link import Link, Log
from gateway.buses.worker import BUS_BUSY, Tally
from gateway.codecs.sdi12 import Identity
from gateway.config import SensorSection, place_of
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
# A sensor that is asked for within this long before its slot answers at the slot.
SLOT_SOON_MS = 3_000
# How long polls under way may go on when the port is wanted elsewhere.
SETTLE_MS = 15_000


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
    """A poll that has begun, and when its conversation goes on; without a slot, a person asked."""

    slot_ms: int | None
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
        self.questions = Questions()
        self._sensors = sensors
        self._link = link
        self._clock = clock
        self._log = log
        self._on_identified = on_identified
        self._polls: dict[int, _Poll] = {}  # under way, by the sensor's place in `sensors`
        self._now: int | None = None  # whose poll is being carried on
        self._openings = 0
        self._places = {place_of(one.sensor): at for at, one in enumerate(sensors)}
        self._settle_by_ms: int | None = None  # since the port is wanted elsewhere
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
        if due := [place for place in self._eligible() if self._due_ms(place) <= mono_ms]:
            place = min(due, key=self._rank)
            if place in self._polls or self._begin(place):
                self._carry_on(place)
        elif (asked := self._asked()) is not None:
            self.tally.polls += 1
            self._polls[asked] = _Poll(None, self._sensors[asked].driver.poll())
            self._carry_on(asked)

    def settles(self, reason: str) -> bool:
        """Begin nothing new; tell whether nothing is under way any more. For who wants the port.

        What takes too long is given up, for this reason.
        """
        mono_ms = self._clock.mono_ms()
        if self._settle_by_ms is None:
            self._settle_by_ms = mono_ms + SETTLE_MS
        if mono_ms >= self._settle_by_ms:
            for place in list(self._polls):
                self._end(place, reason)
        return not self._polls

    def go_on(self) -> None:
        """Begin polls again."""
        self._settle_by_ms = None

    def abandon(self, reason: str) -> None:
        """Make the slot missing whose poll was being carried on and broke off."""
        if self._now is not None:
            self._end(self._now, reason)

    def finish(self, reason: str) -> None:
        """Make all slots missing that are due and will not be polled any more."""
        for name, place in self._places.items():
            one = self._sensors[place]
            if place in self._polls:
                self._end(place, reason)
            self._answer(name, reason=reason)
            for slot_ms in self._slots(one):
                self._done += one.missing(slot_ms, reason)

    def take(self) -> list[Observation]:
        """Hand over what has been observed since the last call."""
        done, self._done = self._done, []
        return done

    def idle_s(self) -> float:
        """Tell how long it is until something is due, or to the next try at the port."""
        mono_ms = self._clock.mono_ms()
        dues = [self._due_ms(place) for place in self._eligible()]
        waits = [max(0, due - mono_ms) / 1000 for due in dues]
        if self._asked() is not None:
            waits.append(0.0)
        if not self._link.is_open:
            waits.append(self._link.pause_s())
        return min([*waits, MAX_IDLE_S])

    def _eligible(self) -> Iterable[int]:
        """Name the sensors that may have a turn: all, unless the port is wanted elsewhere."""
        is_wanted = self._settle_by_ms is not None and self._link.is_open
        return self._polls if is_wanted else range(len(self._sensors))

    def _asked(self) -> int | None:
        """Choose the sensor that a person wants to hear of now, if one may be polled for that.

        Where the port is away the question is answered with the reason; a poll that is under way,
        or comes in a moment, answers it as well.
        """
        if not (waiting := self.questions.waiting()):
            return None
        if not self._link.is_open:
            for name in waiting:
                self._answer(name, reason=self._link.last_error or self._link.why_away)
            return None
        if self._settle_by_ms is not None:
            return None
        after_ms = self._clock.mono_ms() + SLOT_SOON_MS
        places = [self._places[name] for name in waiting]
        return next(
            (one for one in places if one not in self._polls and self._due_ms(one) > after_ms), None
        )

    def _answer(self, name: str, readings: Sequence[Reading] = (), reason: str = "") -> None:
        self.questions.answer(name, Answer(self._clock.mono_ms(), readings, reason))

    def _due_ms(self, place: int) -> int:
        """Tell when a sensor's turn comes: its poll's, or else its next slot's."""
        if place in self._polls:
            return self._polls[place].resume_ms
        mono_ms = self._clock.mono_ms()
        return self._sensors[place].schedule.look(mono_ms, offset_of(self._clock, mono_ms))

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
        is_held = one.back_off.holds(self._clock.mono_ms())
        if self._link.is_open and is_held and place_of(one.sensor) not in self.questions.waiting():
            self._done += one.missing(slot_ms, TIMEOUT)
            return False
        self.tally.polls += 1
        if not self._link.is_open:
            self.tally.failures += 1
            self._done += one.missing(slot_ms, self._link.why_away)
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
            self._end(place, self._link.why_away)
            return
        if readings is not None:
            self._conclude(self._sensors[place], poll, readings)
            del self._polls[place]
        self._now = None

    def _conclude(self, one: Polled, poll: _Poll, readings: Sequence[Reading]) -> None:
        """Take what a poll brought: into its slot's observations, and to who asked for it."""
        if poll.slot_ms is not None:
            self._note(one, readings)
            self._done += one.observations(poll.slot_ms, readings)
            self._skip(one, self._slots(one))
        else:
            one.sampler.gather(self._clock.mono_ms(), readings)
            self._note_asked(one, readings)
        self._answer(place_of(one.sensor), readings)

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
        poll, one = self._polls.pop(place), self._sensors[place]
        poll.conversation.close()
        if poll.slot_ms is not None:
            self._done += one.missing(poll.slot_ms, reason)
        self._answer(place_of(one.sensor), reason=reason)

    def _slots(self, one: Polled) -> list[int]:
        mono_ms = self._clock.mono_ms()
        return one.schedule.due(mono_ms, offset_of(self._clock, mono_ms))

    def _skip(self, one: Polled, slots: Sequence[int]) -> None:
        for slot_ms in slots:
            self._done += one.missing(slot_ms, self._why_skipped(one))

    def _why_skipped(self, one: Polled) -> str:
        if not self._link.is_open:
            return self._link.why_away
        return TIMEOUT if one.back_off.holds(self._clock.mono_ms()) else BUS_BUSY

    def _forgive(self) -> None:
        """Ask all sensors again at their next slots."""
        for one in self._sensors:
            one.back_off.reset()

    def _note_asked(self, one: Polled, readings: Sequence[Reading]) -> None:
        """Believe a sensor that answers a person; that it did not, its slots will tell."""
        if any(reading.value is not None for reading in readings):
            self._note(one, readings)
        else:
            self.tally.failures += 1

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
