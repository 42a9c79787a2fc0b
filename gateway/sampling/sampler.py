"""A sensor that is asked: its samples become observations at the ends of its intervals.

A sample belongs to the interval that ends at its slot or after it: (S - I, S]. With one sample an
interval that is the sample itself, stamped with the slot at which it was asked.
"""

from collections.abc import Sequence
from functools import partial

from gateway.drivers.outcome import TIMEOUT
from gateway.readings import Observation, Reading
from gateway.sampling.memory import Forgetful, Memory
from gateway.sampling.plan import Plan
from gateway.sampling.schedule import Clock, Schedule, offset_of
from gateway.sampling.series import Series
from gateway.sampling.windows import Span, Window

WARMING_UP = "warming up"


class Sampler:
    """The samples of one asked sensor. `place` is thing/sensor."""

    def __init__(
        self,
        place: str,
        plan: Plan,
        clock: Clock,
        memory: Memory | None = None,
        warm_up_s: float = 0.0,
    ) -> None:
        """Open the first window; the first interval ends at the first slot from now on.

        Within `warm_up_s` of the machine's start, and of the last time the sensor was silent, it is
        taken to be cold still: what it measures is missing then.
        """
        self._plan = plan
        self._clock = clock
        self._series = Series(place, plan, memory or Forgetful())
        self._reports = Schedule(plan.interval_ms / 1000, clock.mono_ms())
        self._open_window = partial(Window, plan, self._series.counters(), self._series.asked())
        self._window = self._open_window()
        self._begun_ms: int | None = None
        self._warm_up_ms = round(warm_up_s * 1000)
        self._powered_ms = 0  # the monotonic clock begins with the machine
        self._counted = {one.key for one in plan.fields if one.keeps_all or one.field.cumulative}
        self._handed_over = {
            one.key for one in plan.fields if one.keeps_all and not one.field.cumulative
        }
        if left := self._series.left_over():
            self._window.restore(left, clock.mono_ms())

    def take(self, slot_ms: int, readings: Sequence[Reading]) -> list[Observation]:
        """Take what was read at a sample's slot: every slot once, in order, the failed ones too."""
        readings = self._warmed_up(slot_ms, readings)
        if self._plan.is_single:
            self._window.add(readings, slot_ms)
            return self._close(slot_ms)
        done = self._report(slot_ms - 1)  # what ended before this sample
        self._window.add(readings, slot_ms)
        done += self._report(slot_ms)
        # What is reported now is handed over after these memos, and must not undo them.
        memos = self._series.gather(self._window.sums(), slot_ms)
        return [one.remembering(memos.get(one.datastream, one.memo)) for one in done]

    def gather(self, mono_ms: int, readings: Sequence[Reading]) -> None:
        """Take what was read between two samples: of it, only what no other reading gives again.

        A gauge that hands over what fell since it was last asked has handed it over now: it is of
        the interval that is running.
        """
        given = [one for one in readings if one.key in self._handed_over and one.value is not None]
        if given:
            self._window.add(given, mono_ms)
            self._series.gather(self._window.sums(), mono_ms)

    def _report(self, until_ms: int) -> list[Observation]:
        """Close the windows that end up to an instant."""
        slots = self._reports.due(until_ms, offset_of(self._clock, self._clock.mono_ms()))
        return [one for slot_ms in slots for one in self._close(slot_ms)]

    def _close(self, slot_ms: int) -> list[Observation]:
        # The next window first: should this one fail to close, it is not tried again for ever.
        window, span = self._window, Span(self._begun_ms, slot_ms)
        self._window, self._begun_ms = self._open_window(), slot_ms
        outcomes = window.close(span)
        return [self._series.observe(one, slot_ms) for one in outcomes]

    def _warmed_up(self, slot_ms: int, readings: Sequence[Reading]) -> Sequence[Reading]:
        """Take no notice of what a sensor says that has just got power, but for what it counted."""
        if not self._warm_up_ms:
            return readings
        if all(one.reason == TIMEOUT for one in readings):
            self._powered_ms = slot_ms + 1
            return readings
        if slot_ms - self._powered_ms >= self._warm_up_ms:
            return readings
        return [
            one if one.key in self._counted else Reading(one.key, None, one.reason or WARMING_UP)
            for one in readings
        ]
