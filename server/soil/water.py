"""What the water in a soil means to plants: how much of it they can take, and when they lack it.

Pure. Water is a volume fraction (m3/m3), depths of water are in mm. The wilting point, 1500 kPa, is
a reference and no plant's death: many desert shrubs take water up to some 3000 to 6000 kPa.
"""

from dataclasses import dataclass

# FAO Irrigation and Drainage Paper 56, chapter 8: half of the water is taken without stress.
DEPLETION = 0.5
_LEAST_DEPLETION, _MOST_DEPLETION = 0.1, 0.8


@dataclass(frozen=True, slots=True)
class Limits:
    """What a soil holds when plants wilt, when it has drained, and when all its pores are full."""

    wilting_point: float
    field_capacity: float
    saturation: float | None = None

    @property
    def available(self) -> float:
        """The water between field capacity and wilting point."""
        return self.field_capacity - self.wilting_point

    def relative(self, water: float) -> float:
        """Relative extractable water: 0 at the wilting point, 1 at field capacity."""
        return (water - self.wilting_point) / self.available

    def water_at(self, relative: float) -> float:
        """Give the water content at a relative extractable water."""
        return self.wilting_point + relative * self.available

    def total_mm(self, root_depth_m: float) -> float:
        """Total available water in the root zone, TAW (FAO-56, equation 82)."""
        return 1000.0 * self.available * root_depth_m


def readily_mm(total_mm: float, depletion: float = DEPLETION) -> float:
    """Give the part that plants take without stress, RAW (FAO-56, equation 83)."""
    return depletion * total_mm


def depletion_at(demand_mm_d: float, depletion: float = DEPLETION) -> float:
    """Correct the share that is taken without stress for the crop's demand (FAO-56, table 22).

    Tables are for 5 mm a day: with more demand stress begins earlier.
    """
    corrected = depletion + 0.04 * (5.0 - demand_mm_d)
    return min(max(corrected, _LEAST_DEPLETION), _MOST_DEPLETION)


def stress(depleted_mm: float, total_mm: float, depletion: float = DEPLETION) -> float:
    """Give the stress coefficient Ks, 1 for none and 0 at the wilting point (FAO-56, equation 84).

    `depleted_mm` is what the root zone lacks to field capacity.
    """
    if depleted_mm <= readily_mm(total_mm, depletion):
        return 1.0
    return max(0.0, (total_mm - depleted_mm) / ((1.0 - depletion) * total_mm))
