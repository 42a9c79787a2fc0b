"""What the samples of one field come to: one class a statistic, each folding sample by sample."""

import math
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol

from gateway.readings import Reading, rounded
from wire.catalogue import Statistic

CALM = "calm"
GUST_MS = 3000  # WMO-No. 306, 15.5.5: a gust is a mean of 3 s
# A mean wind slower than this has no direction: opposite winds cancel but for rounding.
_CALM_M_S = 1e-9
_NORTH_DEG = 360
_MIN_GUST_SHARE = Decimal("0.66")

Line = Mapping[str, Reading]


class Folded(Protocol):
    """A statistic in the making; `count` is how many samples it has had."""

    count: int

    def add(self, value: Decimal, line: Line, mono_ms: int) -> None:
        """Take a sample and the line that it came with."""

    def value(self) -> Decimal | None:
        """Say what the samples come to; None for a direction in a calm."""


class _Fold:
    """Statistics that fold one value after the other into what they have."""

    def __init__(self, fold: Callable[[Decimal, Decimal], Decimal]) -> None:
        self.count = 0
        self._fold = fold
        self._value: Decimal | None = None

    def add(self, value: Decimal, line: Line, mono_ms: int) -> None:
        del line, mono_ms
        self.count += 1
        self._value = value if self._value is None else self._fold(self._value, value)

    def value(self) -> Decimal | None:
        return self._value


class _Mean(_Fold):
    def __init__(self, resolution: Decimal) -> None:
        super().__init__(Decimal.__add__)
        self._resolution = resolution

    def value(self) -> Decimal | None:
        return None if self._value is None else rounded(self._value / self.count, self._resolution)


class _NonzeroSeconds:
    """Counts the one-second samples above zero."""

    def __init__(self) -> None:
        self.count = 0
        self._above = 0

    def add(self, value: Decimal, line: Line, mono_ms: int) -> None:
        del line, mono_ms
        self.count += 1
        self._above += value > 0

    def value(self) -> Decimal:
        return Decimal(self._above)


class _VectorMean:
    """Mean direction of a wind: the direction of the sum of its vectors, 0 to under 360 degrees.

    u = -s sin d, v = -s cos d, mean = atan2(-u, -v) (WMO-No. 8). Lines without a speed say nothing.
    """

    def __init__(self, speed_key: str, resolution: Decimal) -> None:
        self.count = 0
        self._speed_key = speed_key
        self._resolution = resolution
        self._u = self._v = 0.0

    def add(self, value: Decimal, line: Line, mono_ms: int) -> None:
        del mono_ms
        speed = line.get(self._speed_key)
        if speed is None or speed.value is None:
            return
        self.count += 1
        self._u -= float(speed.value) * math.sin(math.radians(value))
        self._v -= float(speed.value) * math.cos(math.radians(value))

    def value(self) -> Decimal | None:
        if math.hypot(self._u, self._v) <= _CALM_M_S * self.count:
            return None
        degrees = math.degrees(math.atan2(-self._u, -self._v)) % _NORTH_DEG
        direction = rounded(Decimal(degrees), self._resolution)
        if not direction.is_finite():  # absurd speeds add up to no number
            return direction
        return Decimal(0) if direction >= _NORTH_DEG else direction


class _Gust:
    """The highest mean of the samples of 3 s; of which, too, two thirds must be there."""

    def __init__(self, sample_ms: int, resolution: Decimal) -> None:
        self.count = 0
        # Half a sample short, so that samples a little early or late are not one too many.
        self._span_ms = GUST_MS - sample_ms / 2
        self._needed = max(1, math.ceil(_MIN_GUST_SHARE * round(GUST_MS / sample_ms)))
        self._resolution = resolution
        self._recent: deque[tuple[int, Decimal]] = deque()
        self._highest: Decimal | None = None

    def add(self, value: Decimal, line: Line, mono_ms: int) -> None:
        del line
        self.count += 1
        self._recent.append((mono_ms, value))
        while self._recent[0][0] <= mono_ms - self._span_ms:
            self._recent.popleft()
        if len(self._recent) >= self._needed:
            mean = sum((one for _, one in self._recent), Decimal(0)) / len(self._recent)
            self._highest = mean if self._highest is None else max(self._highest, mean)

    def value(self) -> Decimal | None:
        return None if self._highest is None else rounded(self._highest, self._resolution)


def begin(statistic: Statistic, resolution: Decimal, sample_ms: int, speed_key: str) -> Folded:
    """Begin a statistic without samples."""
    match statistic:
        case Statistic.MEAN:
            return _Mean(resolution)
        case Statistic.NONZERO_SECONDS:
            return _NonzeroSeconds()
        case Statistic.VECTOR_MEAN:
            return _VectorMean(speed_key, resolution)
        case Statistic.GUST:
            return _Gust(sample_ms, resolution)
        case Statistic.SUM | Statistic.MAX | Statistic.LAST:
            return _Fold(_FOLDS[statistic])


_FOLDS: Mapping[Statistic, Callable[[Decimal, Decimal], Decimal]] = {
    Statistic.SUM: Decimal.__add__,
    Statistic.MAX: max,
    Statistic.LAST: lambda _, newest: newest,
}
