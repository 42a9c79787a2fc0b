"""What people read beside what an instrument gives, by the transforms that the server uses too."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.config import SensorSection
from wire.catalogue import Derived
from wire.derive.formula import Formula
from wire.derive.transforms import Transform

# A thousandth of the soil's volume, a millimetre of sand: what transforms give is known no better.
_DECIMALS = 3
# What cannot be whatever the instrument: no soil holds more water than it has room for, and a probe
# in dry sand or in the air tells a little less than nothing.
_CAN_BE: Mapping[str, tuple[float, float]] = {"vwc": (-0.1, 1.0)}


@dataclass(frozen=True, slots=True)
class Computed:
    """How a derived series of one sensor is computed."""

    property: str
    transform: Transform

    def __call__(self, sources: Sequence[str | None]) -> float | None:
        """Compute; None where a source has no value, or where nothing comes of them."""
        given = [float(one) for one in sources if one is not None]
        if len(given) < len(sources):
            return None
        try:
            value = self.transform(*given)
            return value if math.isfinite(value) else None
        except (ArithmeticError, ValueError, TypeError):  # the root of less than nothing is complex
            return None

    def can_be(self, value: float) -> bool:
        """Tell whether there can be such a value at all."""
        low, high = _CAN_BE.get(self.property, (-math.inf, math.inf))
        return low <= value <= high

    @staticmethod
    def text(value: float) -> str:
        """Write it as a person reads it."""
        return f"{round(value, _DECIMALS) + 0.0:.{_DECIMALS}f}"


def computed(section: SensorSection, entry: Derived) -> Computed | None:
    """Find how a sensor's series is computed; None where what it takes is not in gateway.toml."""
    given = {name: getattr(section, name, None) for name in entry.parameters}
    parameters = {name: float(value) for name, value in given.items() if value is not None}
    transform = Formula(entry.transform, tuple(entry.also), parameters).bound()
    return None if transform is None else Computed(entry.property, transform)
