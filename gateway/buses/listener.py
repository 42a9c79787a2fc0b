"""Sensors that talk: every line is stamped as it arrives; windows close at the ends of slots."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, runtime_checkable

from gateway.buses.link import Link, Log
from gateway.buses.poller import SENSOR_BACK, SENSOR_UNAVAILABLE
from gateway.buses.worker import PORT_AWAY, Tally
from gateway.codecs.lines import LineSplitter
from gateway.config import SensorSection, place_of
from gateway.drivers.conversation import Talker
from gateway.drivers.lines import ends_of
from gateway.errors import BusError, FrameError
from gateway.readings import Observation
from gateway.sampling.memory import Forgetful, Memory
from gateway.sampling.plan import plan_of
from gateway.sampling.schedule import Clock, Schedule, offset_of
from gateway.sampling.series import Series
from gateway.sampling.windows import Span, Window
from wire.catalogue import SensorModel

# A window stays open this long after its end, so that a line stamped before the end is in it.
CLOSING_DELAY_MS = 300
MAX_IDLE_S = 0.5

SILENT = "no line that can be read"

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
    open window began with, if one was open.
    """

    sensor: SensorSection
    model: SensorModel
    talker: Talker
    schedule: Schedule
    memory: Memory = field(default_factory=Forgetful)
    heard: int = 0
    openings: int | None = None
    unavailable: bool = False
    current: Window = field(init=False)
    upcoming: Window = field(init=False)
    _open_window: Callable[[], Window] = field(init=False)
    _series: Series = field(init=False)
    _begun_ms: int | None = None

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
        self.heard += bool(readings)
        is_late = mono_ms >= self.schedule.next_ms(offset_ms)
        (self.upcoming if is_late else self.current).add(readings, mono_ms)
        return True

    def close(self, slot_ms: int, *, is_away: bool) -> list[Observation]:
        """Observe the window that ends at a slot, and go on to the next."""
        # The next window first: should this one fail to close, it is not tried again for ever.
        window, span = self.current, Span(self._begun_ms, slot_ms)
        self.current, self.upcoming = self.upcoming, self._open_window()
        self._begun_ms = slot_ms
        outcomes = window.close(span)
        reason = PORT_AWAY if is_away else ""
        return [self._series.observe(one, slot_ms, reason) for one in outcomes]


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

    def idle_s(self) -> float:
        """Listen on at once; with the port away, wait for the next try at it."""
        return 0.0 if self._link.is_open else min(self._link.pause_s(), MAX_IDLE_S)

    def _close(self, mono_ms: int, offset_ms: int) -> None:
        """Close the windows that end up to an instant."""
        for one in self._sensors:
            for slot_ms in one.schedule.due(mono_ms, offset_ms):
                self._note(one)
                self._done += one.close(slot_ms, is_away=not self._link.is_open)

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
        try:
            data = self._link.read()
        except BusError:
            return
        mono_ms = self._clock.mono_ms()
        offset_ms = offset_of(self._clock, mono_ms)
        for line in self._splitter.feed(data):
            self._hear(line, mono_ms, offset_ms)

    def _hear(self, line: bytes, mono_ms: int, offset_ms: int) -> None:
        self.tally.polls += 1
        if self._on_line is not None:
            self._on_line(line, mono_ms)
        heard = [one.hear(line, mono_ms, offset_ms) for one in self._sensors]
        self.tally.failures += not any(heard)
