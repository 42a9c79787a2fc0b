"""What passes between drivers, sampling and outbox: readings and observations.

Nothing is invented here: a value that could not be had is None, and `reason` says why.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple, Self

from wire.quality import Flag


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
