"""What one observation makes of the samples of its interval, field by field.

A window with too few samples has no value (WMO-No. 8: 66 %, and 75 % for 10-minute wind). What a
counter or an asked rain gauge added is kept however few the samples were, for the next reading
makes up for one that failed; where it stands for more or less than its interval, it is suspect.
"""

from collections import Counter as Tally
from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from gateway.readings import Reading, rounded
from gateway.sampling.counters import Counter, Past
from gateway.sampling.plan import Plan, Sampled
from gateway.sampling.statistics import CALM, Line, begin
from wire.batch import representable
from wire.catalogue import Field, Statistic
from wire.quality import Flag

_MOST_DIGITS = 15  # no instrument prints more
_MAX_STRETCH = Decimal("1.5")  # an interval is up to half as long again when the clock is set


class Outcome(NamedTuple):
    """What a window says for one field.

    `past` is the reading of its counter that the next window goes on from, `asked_ms` when its
    gauge last gave what had fallen.
    """

    field: Field
    value: Decimal | None
    reason: str = ""
    flag: Flag = Flag.PASS
    past: Past | None = None
    asked_ms: int | None = None


class Gathered(NamedTuple):
    """What a gauge gave that is not reported yet, the time that it fell in, and when it was asked.

    None where that is not known.
    """

    property: str
    value: Decimal
    covered_ms: int | None = None
    asked_ms: int | None = None


class _Sample(NamedTuple):
    """One sample of a field: its value, or why there is none."""

    mono_ms: int
    value: Decimal | None
    reason: str
    line: Line


class Span(NamedTuple):
    """An interval on the monotonic clock; `begin_ms` is None for one that began before we did."""

    begin_ms: int | None
    end_ms: int


Asked = dict[str, int]
"""When gauges last gave what had fallen, by property, on the monotonic clock; outlives windows."""


class _Gathering:
    """The samples of one field during one interval."""

    def __init__(self, plan: Plan, sampled: Sampled, counter: Counter | None, asked: Asked) -> None:
        self.sampled = sampled
        self._asked = asked
        self._plan = plan
        self._counter = counter
        self.folded = begin(
            sampled.statistic, sampled.field.resolution, plan.sample_ms, plan.speed_key
        )
        self._reasons: Tally[str] = Tally()
        self._tail: deque[_Sample] = deque()
        self._covered_ms: int | None = 0
        self._past: Past | None = None

    def add(self, line: Line, mono_ms: int) -> None:
        """Take what a line says of this field, if anything."""
        reading = line.get(self.sampled.key)
        if reading is None:
            return
        sample = self._sample(reading, line, mono_ms)
        if self.sampled.over_ms is None:
            self._fold(sample)
            return
        self._tail.append(sample)
        while self._tail[0].mono_ms <= mono_ms - self.sampled.over_ms:
            self._tail.popleft()

    def outcome(self, span: Span) -> Outcome:
        """Say what the interval amounts to."""
        over_ms = self.sampled.over_ms
        if over_ms is not None:
            # What a talker says belongs to the time before its line, what is asked to that after.
            first_ms = span.end_ms - over_ms + (0 if self._plan.talks else 1)
            for sample in self._tail:
                if sample.mono_ms >= first_ms:
                    self._fold(sample)
        length_ms = self._plan.interval_ms
        if span.begin_ms is not None:
            length_ms = span.end_ms - span.begin_ms
        expected = 1
        if not self._plan.is_single:
            expected = max(1, round((over_ms or length_ms) / self._plan.sample_ms))
        return self._judged(expected, length_ms)

    def restore(self, gathered: Gathered, mono_ms: int) -> None:
        """Go on from what an earlier run had gathered."""
        self._fold(_Sample(mono_ms, gathered.value, "", {}))
        self._covered_ms = gathered.covered_ms

    def gathered(self) -> Gathered | None:
        """Give what was taken out of a gauge so far."""
        if not self.sampled.keeps_all or (value := self.folded.value()) is None:
            return None
        key = self.sampled.field.property
        return Gathered(key, value, self._covered_ms, self._asked.get(key))

    def _judged(self, expected: int, length_ms: int) -> Outcome:
        field, count = self.sampled.field, self.folded.count
        enough = count * 100 >= expected * self.sampled.min_percent
        if count == 0 or not (enough or self.sampled.keeps_all):
            return Outcome(field, None, self._why(expected), past=self._past)
        value = self.folded.value()
        if value is None:
            is_calm = self.sampled.statistic is Statistic.VECTOR_MEAN
            return Outcome(field, None, CALM if is_calm else _too_few(count, expected))
        if _is_endless(value):
            value = rounded(value, field.resolution)
        if self._counter is not None and self.sampled.keeps_all:
            enough = self._covers(length_ms)
        elif self.sampled.keeps_all:
            is_known = self._covered_ms is not None
            enough = enough and is_known and not self._covers_more(length_ms)
        return Outcome(field, value, "", Flag.PASS if enough else Flag.SUSPECT, self._past)

    def _sample(self, reading: Reading, line: Line, mono_ms: int) -> _Sample:
        """Make a sample of a reading; of a counter's, what was added."""
        value, reason = reading.value, reading.reason
        if self._counter is not None and value is not None:
            added = self._counter.advance(value, mono_ms)
            self._past = self._counter.past
            value, reason = added.value, added.reason
            if value is not None:
                self._cover(added.elapsed_ms)
        elif self.sampled.keeps_all and value is not None:
            before_ms = self._asked.get(self.sampled.field.property)
            self._asked[self.sampled.field.property] = mono_ms
            self._cover(None if before_ms is None else mono_ms - before_ms)
        return _Sample(mono_ms, value, reason, line)

    def _cover(self, elapsed_ms: int | None) -> None:
        """Note for how long what was added stands; None once that is not known."""
        known = elapsed_ms is not None and self._covered_ms is not None
        self._covered_ms = (self._covered_ms or 0) + (elapsed_ms or 0) if known else None

    def _covers(self, length_ms: int) -> bool:
        """Tell whether what was added is of about this interval."""
        if self._covered_ms is None:
            return False
        least = length_ms * self.sampled.min_percent
        return least <= self._covered_ms * 100 and not self._covers_more(length_ms)

    def _covers_more(self, length_ms: int) -> bool:
        """Tell whether what was added is known to be of more than this interval."""
        return self._covered_ms is not None and self._covered_ms > length_ms * _MAX_STRETCH

    def _fold(self, sample: _Sample) -> None:
        if sample.value is not None:
            self.folded.add(sample.value, sample.line, sample.mono_ms)
        elif sample.reason == CALM and self.sampled.statistic is Statistic.VECTOR_MEAN:
            self.folded.count += 1  # heard, and adds no vector
        else:
            self._reasons[sample.reason] += 1

    def _why(self, expected: int) -> str:
        """Give the commonest reason of the samples without a value, unless more never came."""
        count = self.folded.count
        absent = expected - count - self._reasons.total()
        for reason, times in self._reasons.most_common(1):
            if reason and times >= absent:
                return reason
        return _too_few(count, expected)


def _is_endless(value: Decimal) -> bool:
    """Tell of a value that unit conversion has left without end, such as knots in m/s."""
    return not representable(value) and len(value.as_tuple().digits) > _MOST_DIGITS


def _too_few(count: int, expected: int) -> str:
    return f"too few samples ({count} of {expected})"


Counters = dict[str, Counter]
"""The counters of a sensor by the property they are counted for; they outlive windows."""


def counters_of(plan: Plan) -> Counters:
    """Make the counters of a sensor, which have no past yet."""
    return {
        one.field.property: Counter(one.field.wraps_at, one.field.max_per_s, one.field.drift)
        for one in plan.fields
        if one.field.cumulative
    }


class Window:
    """The samples of one sensor during one interval."""

    def __init__(
        self, plan: Plan, counters: Counters | None = None, asked: Asked | None = None
    ) -> None:
        """Open an empty window; its counters and asked gauges go on from where they are."""
        counters = counters_of(plan) if counters is None else counters
        self._asked = asked = {} if asked is None else asked
        self._fields = [
            _Gathering(plan, one, counters.get(one.field.property), asked) for one in plan.fields
        ]

    def add(self, readings: Sequence[Reading], mono_ms: int) -> None:
        """Take one sample, or one line of a talker; a reading without value counts as not there."""
        line = {one.key: one for one in readings}
        for field in self._fields:
            field.add(line, mono_ms)

    def sums(self) -> Iterator[Gathered]:
        """Give what asked gauges have added up so far."""
        return (found for field in self._fields if (found := field.gathered()))

    def restore(self, left: Sequence[Gathered], mono_ms: int) -> None:
        """Go on from what an earlier run had gathered and not reported."""
        known = {one.property: one for one in left}
        for field in self._fields:
            if gathered := known.get(field.sampled.field.property):
                field.restore(gathered, mono_ms)

    def close(self, span: Span) -> list[Outcome]:
        """Say what the interval amounts to, field by field."""
        return [
            field.outcome(span)._replace(asked_ms=self._asked.get(field.sampled.field.property))
            for field in self._fields
        ]
