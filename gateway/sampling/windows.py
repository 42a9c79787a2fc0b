"""What one observation makes of the lines that a talker sent during its interval.

Talkers send a line a second; an observation needs two thirds of them (WMO-No. 8: 66 % of samples).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple, Protocol

from gateway.readings import Reading
from wire.batch import representable
from wire.catalogue import Field, SensorModel, Statistic

MIN_SHARE_PERCENT = 66
CALM = "calm"
# A mean wind slower than this has no direction: opposite winds cancel but for rounding.
_CALM_M_S = 1e-9
_NORTH_DEG = 360


class Outcome(NamedTuple):
    """What a window says for one field."""

    field: Field
    value: Decimal | None
    reason: str = ""


def rounded(value: Decimal, resolution: Decimal) -> Decimal:
    """Round to a whole multiple of the resolution, halves to even."""
    if not resolution:
        return value
    steps = (value / resolution).quantize(Decimal(1), ROUND_HALF_EVEN)
    return steps * resolution


class _Statistic(Protocol):
    count: int

    def add(self, line: Mapping[str, Decimal]) -> None: ...

    def value(self) -> Decimal | None: ...


class _Fold:
    """Statistics that fold one value after the other into what they have."""

    def __init__(self, key: str, fold: Callable[[Decimal, Decimal], Decimal]) -> None:
        self.count = 0
        self._key = key
        self._fold = fold
        self._value: Decimal | None = None

    def add(self, line: Mapping[str, Decimal]) -> None:
        if (value := line.get(self._key)) is not None:
            self.count += 1
            self._value = value if self._value is None else self._fold(self._value, value)

    def value(self) -> Decimal | None:
        return self._value


class _Mean(_Fold):
    def __init__(self, key: str, resolution: Decimal) -> None:
        super().__init__(key, Decimal.__add__)
        self._resolution = resolution

    def value(self) -> Decimal | None:
        return None if self._value is None else rounded(self._value / self.count, self._resolution)


class _NonzeroSeconds:
    """Counts the one-second lines above zero."""

    def __init__(self, key: str) -> None:
        self.count = 0
        self._key = key
        self._above = 0

    def add(self, line: Mapping[str, Decimal]) -> None:
        if (value := line.get(self._key)) is not None:
            self.count += 1
            self._above += value > 0

    def value(self) -> Decimal:
        return Decimal(self._above)


class _VectorMean:
    """Mean direction of a wind: the direction of the sum of its vectors, 0 to under 360 degrees.

    u = -s sin d, v = -s cos d, mean = atan2(-u, -v) (WMO-No. 8). Lines without a speed say nothing.
    """

    def __init__(self, key: str, speed_key: str, resolution: Decimal) -> None:
        self.count = 0
        self._key = key
        self._speed_key = speed_key
        self._resolution = resolution
        self._u = self._v = 0.0

    def add(self, line: Mapping[str, Decimal]) -> None:
        direction, speed = line.get(self._key), line.get(self._speed_key)
        if direction is None or speed is None:
            return
        self.count += 1
        self._u -= float(speed) * math.sin(math.radians(direction))
        self._v -= float(speed) * math.cos(math.radians(direction))

    def value(self) -> Decimal | None:
        if math.hypot(self._u, self._v) <= _CALM_M_S * self.count:
            return None
        degrees = math.degrees(math.atan2(-self._u, -self._v)) % _NORTH_DEG
        direction = rounded(Decimal(degrees), self._resolution)
        return Decimal(0) if direction >= _NORTH_DEG else direction


class Window:
    """The lines of one talking sensor during one interval."""

    def __init__(self, model: SensorModel, interval_s: float) -> None:
        """Open an empty window that expects a line a second."""
        self._expected = max(1, round(interval_s))
        self._fields = [(field, _statistic(field, model)) for field in model.field]

    def add(self, readings: Sequence[Reading]) -> None:
        """Take the readings of one line; missing ones count as not there."""
        line = {one.key: one.value for one in readings if one.value is not None}
        for _, statistic in self._fields:
            statistic.add(line)

    def close(self) -> list[Outcome]:
        """Say what the interval amounts to, field by field."""
        return [self._outcome(field, statistic) for field, statistic in self._fields]

    def _outcome(self, field: Field, statistic: _Statistic) -> Outcome:
        if statistic.count * 100 < self._expected * MIN_SHARE_PERCENT:
            return Outcome(field, None, f"too few samples ({statistic.count} of {self._expected})")
        value = statistic.value()
        if value is None:
            return Outcome(field, None, CALM)
        # Unit conversion can leave a value without end, such as knots in m/s.
        return Outcome(field, value if representable(value) else rounded(value, field.resolution))


def _statistic(field: Field, model: SensorModel) -> _Statistic:
    key = field.key or ""
    match field.statistic:
        case Statistic.MEAN:
            return _Mean(key, field.resolution)
        case Statistic.SUM:
            return _Fold(key, Decimal.__add__)
        case Statistic.MAX:
            return _Fold(key, max)
        case Statistic.LAST:
            return _Fold(key, lambda _, newest: newest)
        case Statistic.NONZERO_SECONDS:
            return _NonzeroSeconds(key)
        case Statistic.VECTOR_MEAN:
            speed = model.field_for("wind_speed")
            return _VectorMean(key, (speed.key or "") if speed else "", field.resolution)
