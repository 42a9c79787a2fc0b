"""Sensors that talk: every line is stamped as it arrives; windows close at the ends of slots."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, runtime_checkable

from gateway.buses.asking import Answer
from gateway.buses.link import Link, Log
from gateway.buses.poller import SENSOR_BACK, SENSOR_UNAVAILABLE
from gateway.buses.worker import Tally
from gateway.codecs.lines import LineSplitter
from gateway.config import SensorSection, place_of
from gateway.drivers.conversation import Talker
from gateway.drivers.lines import ends_of
from gateway.errors import BusError, FrameError
from gateway.readings import Observation, Reading
from gateway.sampling.memory import Forgetful, Memory
from gateway.sampling.plan import plan_of
from gateway.sampling.schedule import Clock, Schedule, offset_of
from gateway.sampling.series import Series
from gateway.sampling.windows import Outcome, Span, Window
from wire.catalogue import SensorModel
from wire.quality import Flag

# A window stays open this long after its end, so that a line stamped before the end is in it.
CLOSING_DELAY_MS = 300
MAX_IDLE_S = 0.5
# Lines are read as they come. After so long without a read, what stands in the port has waited
# there, and nobody knows since when.
LATE_MS = 500
# What was said so long ago is not what the sensor says now, unless it speaks more seldom.
FRESH_MS = 10_000

SILENT = "no line that can be read"

LINES_WAITED = "lines_waited_unread"

OnLine = Callable[[bytes, int], None]
"""Hears a line and when it arrived, on the monotonic clock."""


@runtime_checkable
class LearnsTime(Protocol):
    """A clock that takes the time from lines; gateway.clock has it."""

    def hear(self, line: bytes, mono_ms: int) -> None:
        """Take a line that may tell the time."""


@dataclass(slots=True)
class Listened:
    """One talking sensor: the window that is open, and the one after it.

    `heard` counts its lines since a window was closed; `openings` is which opening of the port the
    open window began with, if one was open. `last` is what its newest lines said, by key, and when.
    """

    sensor: SensorSection
    model: SensorModel
    talker: Talker
    schedule: Schedule
    memory: Memory = field(default_factory=Forgetful)
    heard: int = 0
    openings: int | None = None
    unavailable: bool = False
    last: Mapping[str, tuple[int, Reading]] = field(default_factory=dict)
    current: Window = field(init=False)
    upcoming: Window = field(init=False)
    _open_window: Callable[[], Window] = field(init=False)
    _series: Series = field(init=False)
    _begun_ms: int | None = None
    _doubt: Span | None = None

    def __post_init__(self) -> None:
        """Open the first windows."""
        plan = plan_of(self.model, self.sensor.interval_s, self.sensor.sample_s)
        self._series = Series(place_of(self.sensor), plan, self.memory)
        self._open_window = partial(Window, plan, self._series.counters())
        self.current, self.upcoming = self._open_window(), self._open_window()

    def hear(self, line: bytes, mono_ms: int, offset_ms: int) -> bool:
        """Put a line into the window of its instant; False when it cannot be read."""
        try:
            readings = self.talker.read(line)
        except FrameError:
            return False
        if readings:
            self.heard += 1
            # A new one each time: other threads look at it.
            self.last = {**self.last, **{one.key: (mono_ms, one) for one in readings}}
        is_late = mono_ms >= self.schedule.next_ms(offset_ms)
        (self.upcoming if is_late else self.current).add(readings, mono_ms)
        return True

    def close(self, slot_ms: int, why_away: str) -> list[Observation]:
        """Observe the window that ends at a slot, and go on to the next.

        `why_away` says why the port is not there; empty while it is.
        """
        # The next window first: should this one fail to close, it is not tried again for ever.
        window, span = self.current, Span(self._begun_ms, slot_ms)
        self.current, self.upcoming = self.upcoming, self._open_window()
        self._begun_ms = slot_ms
        outcomes = [self._judged(one, slot_ms) for one in window.close(span)]
        if self._doubt is not None and self._doubt.end_ms <= slot_ms:
            self._doubt = None
        return [self._series.observe(one, slot_ms, why_away) for one in outcomes]

    def doubt(self, since_ms: int, until_ms: int) -> None:
        """Note that lines of this time went unheard: what is made of it is suspect."""
        begun = since_ms if self._doubt is None else self._doubt.begin_ms
        self._doubt = Span(begun, until_ms)

    def _judged(self, outcome: Outcome, slot_ms: int) -> Outcome:
        if self._doubt is None or (self._doubt.begin_ms or 0) >= slot_ms:
            return outcome
        return outcome._replace(flag=Flag.SUSPECT)


class Listener:
    """The talking sensors of one bus."""

    def __init__(
        self,
        sensors: Sequence[Listened],
        link: Link,
        clock: Clock,
        log: Log,
        on_line: OnLine | None = None,
    ) -> None:
        """Listen to `sensors` on `link`; `on_line` hears every line too, for the time it tells."""
        self._log = log
        self._on_line = on_line
        self.tally = Tally()
        self._sensors = sensors
        self._link = link
        self._clock = clock
        self._splitter = LineSplitter(ends=ends_of([one.model for one in sensors]))
        self._openings = 0
        self._read_ms: int | None = None
        self._done: list[Observation] = []

    def step(self) -> None:
        """Take what arrives within a short while, and close the windows whose time is over."""
        if self._link.ensure_open():
            self._listen()
        mono_ms = self._clock.mono_ms()
        self._close(mono_ms - CLOSING_DELAY_MS, offset_of(self._clock, mono_ms))

    def abandon(self, reason: str) -> None:
        """Nothing is begun that a later step would not finish: windows stay open."""

    def finish(self, reason: str) -> None:
        """Close the windows that have ended: one still open ends after this gateway has stopped."""
        del reason
        mono_ms = self._clock.mono_ms()
        self._close(mono_ms, offset_of(self._clock, mono_ms))

    def take(self) -> list[Observation]:
        """Hand over what has been observed since the last call."""
        done, self._done = self._done, []
        return done

    def heard(self, place: str) -> Answer:
        """Give what a sensor has just said, for it cannot be asked; safe from other threads."""
        mono_ms = self._clock.mono_ms()
        one = next(one for one in self._sensors if place_of(one.sensor) == place)
        fresh_ms = max(FRESH_MS, round(2500 * one.model.every_s))
        heard = [(at, it) for at, it in one.last.values() if mono_ms - at <= fresh_ms]
        if not heard:
            return Answer(mono_ms, reason=self._link.lent_for or self._link.last_error or SILENT)
        return Answer(max(at for at, _ in heard), [it for _, it in heard])

    def idle_s(self) -> float:
        """Listen on at once; with the port away, wait for the next try at it."""
        return 0.0 if self._link.is_open else min(self._link.pause_s(), MAX_IDLE_S)

    def _close(self, mono_ms: int, offset_ms: int) -> None:
        """Close the windows that end up to an instant."""
        for one in self._sensors:
            for slot_ms in one.schedule.due(mono_ms, offset_ms):
                self._note(one)
                why_away = "" if self._link.is_open else self._link.why_away
                self._done += one.close(slot_ms, why_away)

    def _note(self, one: Listened) -> None:
        """Say once that a sensor fell silent, once that it is back.

        Silent is who said nothing that could be read in a whole interval with the port open.
        """
        openings = self._link.openings if self._link.is_open else None
        silent = not one.heard
        if silent != one.unavailable and openings is not None and openings == one.openings:
            one.unavailable = silent
            if silent:
                self._log.warning(SENSOR_UNAVAILABLE, sensor=one.sensor.id, reason=SILENT)
            else:
                self._log.info(SENSOR_BACK, sensor=one.sensor.id)
        one.openings, one.heard = openings, 0

    def _listen(self) -> None:
        if self._link.openings != self._openings:
            self._openings = self._link.openings
            self._splitter.reset()
            self._read_ms = None
        since_ms, begun_ms = self._read_ms, self._clock.mono_ms()
        try:
            data = self._link.read()
        except BusError:
            return
        mono_ms = self._read_ms = self._clock.mono_ms()
        if since_ms is not None and begun_ms - since_ms > LATE_MS:
            self._pass_over(data, since_ms, begun_ms)
            return
        offset_ms = offset_of(self._clock, mono_ms)
        for line in self._splitter.feed(data):
            self._hear(line, mono_ms, offset_ms)

    def _pass_over(self, data: bytes, since_ms: int, begun_ms: int) -> None:
        """Leave out lines that waited in the port: nobody knows which second they are of."""
        self._splitter.reset()
        if data:
            self._log.warning(LINES_WAITED, bytes=len(data), for_s=(begun_ms - since_ms) / 1000)
            for one in self._sensors:
                one.doubt(since_ms, begun_ms)

    def _hear(self, line: bytes, mono_ms: int, offset_ms: int) -> None:
        self.tally.polls += 1
        if self._on_line is not None:
            self._on_line(line, mono_ms)
        heard = [one.hear(line, mono_ms, offset_ms) for one in self._sensors]
        self.tally.failures += not any(heard)
