"""What adds up over time: soil water, rain, lightning and the sand surface, hour by hour.

The grid begins at `origin_s` and grows when a later hour is asked for. Each hour follows from the
one before it alone, so the order of questions cannot change an answer.
"""

from dataclasses import dataclass
from math import cos, radians

from firmware_sim.physics import sand, soil
from firmware_sim.physics.weather import HOUR_S, Weather

_CLAY_PCT = 2.0
_ROUGHNESS_M = 1.0e-3
_DRY_THRESHOLD = sand.dry_threshold(sand.GRAIN_DIAMETER_M)
_MAST_M = 2.0
# Net change of the surface for a transport of 1 kg m-1 s-1 over an hour, metres. Sand from the
# north-west (the usual storm) is laid down, from the south-east carried away.
_SURFACE_GAIN_M = 0.03
_LAID_DOWN_FROM_DEG = 300.0


@dataclass(frozen=True, slots=True)
class Hour:
    """The running state at the start of an hour."""

    water: soil.Water
    rain_mm: float = 0.0
    strikes: int = 0
    sand_height_m: float = 0.0


def friction_velocity(speed_ms: float) -> float:
    """Friction velocity in m/s under a wind at 2 m."""
    return sand.friction_velocity(speed_ms, _MAST_M, _ROUGHNESS_M)


def threshold(surface_water: float) -> float:
    """Friction velocity in m/s from which sand moves that holds so much water, m3/m3."""
    wetness = sand.gravimetric_pct(max(0.0, surface_water - soil.RESIDUAL))
    return _DRY_THRESHOLD * sand.moisture_ratio(wetness, _CLAY_PCT)


class Ledger:
    """The hourly grid of one site, grown as far as it was asked for."""

    def __init__(self, weather: Weather, origin_s: float) -> None:
        """Begin with a profile that has dried for some weeks."""
        self._weather = weather
        self.origin_s = origin_s
        self._hours = [Hour(soil.INITIAL_WATER)]

    def at(self, time_s: float) -> Hour:
        """Give the state at an instant; what lies before the origin is as at the origin."""
        since = max(0.0, time_s - self.origin_s)
        index = int(since // HOUR_S)
        now, later = self._hour(index), self._hour(index + 1)
        start_s, end_s = self.origin_s + index * HOUR_S, self.origin_s + since
        part = (end_s - start_s) / HOUR_S
        water = tuple(a + part * (b - a) for a, b in zip(now.water, later.water, strict=True))
        return Hour(
            water=water,
            rain_mm=now.rain_mm + self._weather.rain_between(start_s, end_s),
            strikes=now.strikes + self._weather.strikes_between(start_s, end_s),
            sand_height_m=now.sand_height_m + part * (later.sand_height_m - now.sand_height_m),
        )

    def _hour(self, index: int) -> Hour:
        while len(self._hours) <= index:
            self._hours.append(self._next(self._hours[-1], len(self._hours) - 1))
        return self._hours[index]

    def _next(self, hour: Hour, index: int) -> Hour:
        start_s = self.origin_s + index * HOUR_S
        middle_s, end_s = start_s + HOUR_S / 2, start_s + HOUR_S
        air, wind = self._weather.air(middle_s), self._weather.wind(middle_s)
        rain = self._weather.rain_between(start_s, end_s)
        demand = soil.demand_mm(air.solar_wm2, air.temperature_c)
        flux = sand.flux(friction_velocity(wind.gust_ms), threshold(hour.water[0]))
        sign = cos(radians(wind.direction_deg - _LAID_DOWN_FROM_DEG))
        return Hour(
            water=soil.next_hour(hour.water, soil.HourOfWater(rain, demand)),
            rain_mm=hour.rain_mm + rain,
            strikes=hour.strikes + self._weather.strikes_between(start_s, end_s),
            sand_height_m=max(-0.4, min(0.4, hour.sand_height_m + flux * sign * _SURFACE_GAIN_M)),
        )
