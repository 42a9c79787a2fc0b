"""What passes between drivers, sampling and outbox: readings and observations.

Nothing is invented here: a value that could not be had is None, and `reason` says why.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple, Self

from wire.quality import Flag

# With more whole digits the number of steps might not fit the 28 that decimals are reckoned with.
_MOST_MAGNITUDES = 26


class Reading(NamedTuple):
    """One decoded value of a sensor, as the instrument gave it after scaling.

    `key` is the property key for polled sensors, the field key (`MWV.speed`) for talkers.
    """

    key: str
    value: Decimal | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """One value of a datastream for one slot of its schedule, stamped on the monotonic clock.

    `memo` is what must be remembered together with it, such as where a counter stood.
    """

    datastream: str
    mono_ms: int
    value: Decimal | None
    flag: Flag = Flag.PASS
    reason: str = ""
    memo: str = ""

    def remembering(self, memo: str) -> Self:
        """Give the same observation with a memo."""
        return replace(self, memo=memo)


def rounded(value: Decimal, resolution: Decimal) -> Decimal:
    """Round to a whole multiple of the resolution, halves to even.

    A value too great to be counted in steps stays as it is, as does one that is no number.
    """
    if not resolution or not value.is_finite():
        return value
    if value.adjusted() - resolution.adjusted() > _MOST_MAGNITUDES:
        return value
    steps = (value / resolution).quantize(Decimal(1), ROUND_HALF_EVEN)
    return steps * resolution
