"""How much water a soil holds, from its texture and organic matter. Pure.

Saxton and Rawls 2006, 10.2136/sssaj2005.0117, equations 1-5 and 16-18: for soils of less than 60 %
clay and 8 % organic matter. Field capacity is at 33 kPa, the wilting point at 1500 kPa.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from server.soil.water import Limits

MAX_CLAY = 0.60
MAX_ORGANIC_PERCENT = 8.0
# Their table 3 is for 2.5 %; soils of drylands have little.
DRYLAND_ORGANIC_PERCENT = 0.5

_FIELD_CAPACITY_KPA, _WILTING_KPA = 33.0, 1500.0


@dataclass(frozen=True, slots=True)
class Texture:
    """Sand and clay as shares of the mineral soil (the rest is silt), organic matter in percent."""

    sand: float
    clay: float
    organic_percent: float = DRYLAND_ORGANIC_PERCENT


CLASSES: Mapping[str, tuple[float, float]] = {
    "sand": (0.88, 0.05),
    "loamy sand": (0.80, 0.05),
    "sandy loam": (0.65, 0.10),
    "loam": (0.40, 0.20),
    "silt loam": (0.20, 0.15),
    "silt": (0.10, 0.05),
    "sandy clay loam": (0.60, 0.25),
    "clay loam": (0.30, 0.35),
    "silty clay loam": (0.10, 0.35),
    "silty clay": (0.10, 0.45),
    "sandy clay": (0.50, 0.40),
    "clay": (0.25, 0.50),
}
"""Sand and clay in the middle of each class, as in their table 3."""


def limits_of(texture: Texture) -> Limits:
    """Estimate the limits of a soil's water, in m3/m3."""
    return Limits(*_limits(texture))


def conductivity_mm_h(texture: Texture) -> float:
    """Estimate how fast saturated soil lets water through, in mm/h (their equations 15, 16, 18)."""
    wilting_point, field_capacity, saturation = _limits(texture)
    slope = log(_WILTING_KPA / _FIELD_CAPACITY_KPA) / log(field_capacity / wilting_point)
    return float(1930.0 * (saturation - field_capacity) ** (3.0 - 1.0 / slope))


def class_of(sand: float, clay: float) -> str:
    """Name the class of a soil by the triangle of the USDA (Soil Survey Manual 2017, chapter 3)."""
    silt = 1.0 - sand - clay
    # The first that holds; shares are of the mineral soil.
    rules = (
        ("sand", silt + 1.5 * clay < 0.15),
        ("loamy sand", silt + 2.0 * clay < 0.30),
        ("sandy clay", clay >= 0.35 and sand > 0.45),
        ("silty clay", clay >= 0.40 and silt >= 0.40),
        ("clay", clay >= 0.40),
        ("sandy clay loam", clay >= 0.20 and sand > 0.45 and silt < 0.28),
        ("silty clay loam", clay >= 0.27 and sand <= 0.20),
        ("clay loam", clay >= 0.27),
        ("silt", silt >= 0.80 and clay < 0.12),
        ("silt loam", silt >= 0.50),
        ("sandy loam", clay < 0.07 or sand > 0.52),
        ("loam", True),
    )
    return next(name for name, holds in rules if holds)


def _limits(texture: Texture) -> tuple[float, float, float]:
    sand, clay, organic = texture.sand, texture.clay, texture.organic_percent
    dry = (
        -0.024 * sand
        + 0.487 * clay
        + 0.006 * organic
        + 0.005 * sand * organic
        - 0.013 * clay * organic
        + 0.068 * sand * clay
        + 0.031
    )
    moist = (
        -0.251 * sand
        + 0.195 * clay
        + 0.011 * organic
        + 0.006 * sand * organic
        - 0.027 * clay * organic
        + 0.452 * sand * clay
        + 0.299
    )
    drained = (
        0.278 * sand
        + 0.034 * clay
        + 0.022 * organic
        - 0.018 * sand * organic
        - 0.027 * clay * organic
        - 0.584 * sand * clay
        + 0.078
    )
    field_capacity = moist + (1.283 * moist**2 - 0.374 * moist - 0.015)
    saturation = field_capacity + drained + (0.636 * drained - 0.107) - 0.097 * sand + 0.043
    return dry + (0.14 * dry - 0.02), field_capacity, saturation
