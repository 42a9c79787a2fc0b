"""Campbell Scientific sensors: the SR50A sonic ranger over a sand surface."""

from collections.abc import Sequence
from math import sqrt

from firmware_sim.devices.base import Setup
from firmware_sim.devices.meter import Atmos41
from firmware_sim.devices.sdi12 import Quiet, value_text

DEFAULT_HEIGHT_M = 2.0
_NO_TARGET = "+0.000"  # SR50A manual: 0 means that no echo was found
_GOOD_QUALITY = 160.0
_POOREST_QUALITY = 600.0


class Sr50a(Quiet):
    """Distance to the sand, not corrected for the air's temperature, and the echo's quality."""

    identity = "CAMPBELLSR50A 101"
    measure_s = 0.8

    def __init__(self, setup: Setup) -> None:
        """Hang it `height_m` above the surface that the world started with."""
        self.sets: dict[str, tuple[int, ...]] = {"M": (1,), "M1": (1, 2), "M3": (1, 2, 3)}
        self._setup = setup
        self._height_m = DEFAULT_HEIGHT_M if setup.height_m is None else setup.height_m

    def read(self, positions: Sequence[int], now: float) -> list[str]:
        """Measure; sound in warm air is faster, so the bare distance comes out too short."""
        conditions = self._setup.surroundings.conditions(now, self._setup.spot)
        height, air = conditions.sand_height_m, conditions.air_temperature_c
        if height is None or air is None:
            texts: tuple[str, ...] = (_NO_TARGET, "+0", "+0" if air is None else value_text(air, 1))
            return [texts[position - 1] for position in positions]
        bare = (self._height_m - height) / sqrt((air + 273.15) / 273.15)
        quality = _GOOD_QUALITY + 6.0 * (conditions.wind_speed_ms or 0.0)
        texts = (
            value_text(bare, 3),
            value_text(min(_POOREST_QUALITY, quality), 0),
            value_text(air, 1),
        )
        return [texts[position - 1] for position in positions]


class ClimaVue50(Atmos41):
    """The ATMOS 41 under Campbell's name."""

    identity = "CampbellCLIV50100"
