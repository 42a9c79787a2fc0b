"""Sensors that talk: every line is stamped as it arrives; windows close at the ends of slots."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.buses.link import Link
from gateway.buses.worker import PORT_AWAY, Tally
from gateway.codecs.lines import LineSplitter
from gateway.config import SensorSection, datastream_name
from gateway.drivers.conversation import Talker
from gateway.errors import BusError, FrameError
from gateway.readings import Observation
from gateway.sampling.observations import observe
from gateway.sampling.schedule import Clock, Schedule, offset_of
from gateway.sampling.windows import Window
from wire.catalogue import SensorModel

# A window stays open this long after its end, so that a line stamped before the end is in it.
CLOSING_DELAY_MS = 300
MAX_IDLE_S = 0.5


@dataclass(slots=True)
class Listened:
    """One talking sensor: the window that is open, and the one after it."""

    sensor: SensorSection
    model: SensorModel
    talker: Talker
    schedule: Schedule
    current: Window = field(init=False)
    upcoming: Window = field(init=False)

    def __post_init__(self) -> None:
        """Open the first windows."""
        self.current, self.upcoming = self._window(), self._window()

    def hear(self, line: bytes, mono_ms: int, offset_ms: int) -> bool:
        """Put a line into the window of its instant; False when it cannot be read."""
        try:
            readings = self.talker.read(line)
        except FrameError:
            return False
        is_late = mono_ms >= self.schedule.next_ms(offset_ms)
        (self.upcoming if is_late else self.current).add(readings)
        return True

    def close(self, slot_ms: int, *, is_away: bool) -> list[Observation]:
        """Observe the window that ends at a slot, and go on to the next."""
        outcomes = self.current.close()
        self.current, self.upcoming = self.upcoming, self._window()
        return [
            observe(
                datastream_name(self.sensor, one.field.property),
                slot_ms,
                one.value,
                PORT_AWAY if is_away else one.reason,
            )
            for one in outcomes
        ]

    def _window(self) -> Window:
        return Window(self.model, self.sensor.interval_s)


class Listener:
    """The talking sensors of one bus."""

    def __init__(self, sensors: Sequence[Listened], link: Link, clock: Clock) -> None:
        """Listen to `sensors` on `link`."""
        self.tally = Tally()
        self._sensors = sensors
        self._link = link
        self._clock = clock
        self._splitter = LineSplitter()
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
                self._done += one.close(slot_ms, is_away=not self._link.is_open)

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
        heard = [one.hear(line, mono_ms, offset_ms) for one in self._sensors]
        self.tally.failures += not any(heard)
