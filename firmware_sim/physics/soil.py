"""Water in a sand profile: a column of layers that fill from above, drain down and dry out.

A bucket model (FAO-56 chapter 8 in spirit) with one bucket a layer. Water only ever moves down or
out, so without rain neither the surface nor the whole column can gain any.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import exp, pi, sqrt

from firmware_sim.physics.weather import ANNUAL_MEAN_C, DAY_S, HOUR_S, YEAR_DAYS, Weather

# Loose dune sand, m3/m3 (Saxton & Rawls 2006 for 95 % sand, 0.5 % organic matter).
RESIDUAL = 0.015
WILTING_POINT = 0.030
FIELD_CAPACITY = 0.095
SATURATION = 0.390

BOUNDARIES_M = (0.0, 0.02, 0.07, 0.15, 0.30, 0.60, 1.20)
THICKNESS_M = tuple(b - a for a, b in pairwise(BOUNDARIES_M))
CENTRES_M = tuple((a + b) / 2 for a, b in pairwise(BOUNDARIES_M))
INITIAL_WATER = (0.035, 0.048, 0.058, 0.066, 0.074, 0.080)

_EVAPORATION_SHARE = (0.65, 0.35, 0.0, 0.0, 0.0, 0.0)
_ROOT_SHARE = (0.0, 0.10, 0.30, 0.35, 0.20, 0.05)
_DRAIN_PER_HOUR = 0.30  # part of the water above field capacity that leaves a layer in an hour
_PLANT_COVER = 0.25  # part of the evaporative demand that plants meet
# Depth at which a temperature wave is down to 1/e, dry sand: day, spell of weather, year.
_DAMPING_DAY_M = 0.11
_DAMPING_SPELL_M = 0.27
_DAMPING_YEAR_M = 2.1
_SPELL_S = 6.2 * DAY_S

Water = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class HourOfWater:
    """What one hour brings to the column and asks of it, both in mm."""

    rain_mm: float
    demand_mm: float


def next_hour(water: Water, hour: HourOfWater) -> Water:
    """Advance the layers' water, m3/m3, by one hour."""
    amounts = [theta * thick * 1000.0 for theta, thick in zip(water, THICKNESS_M, strict=True)]
    _evaporate(amounts, hour.demand_mm)
    _infiltrate(amounts, hour.rain_mm)
    return tuple(mm / thick / 1000.0 for mm, thick in zip(amounts, THICKNESS_M, strict=True))


def _evaporate(amounts: list[float], demand_mm: float) -> None:
    for layer, thick in enumerate(THICKNESS_M):
        theta = amounts[layer] / thick / 1000.0
        dryness = _available(theta, RESIDUAL) ** 2  # falling-rate stage: dry sand seals itself
        loss = demand_mm * (1.0 - _PLANT_COVER) * _EVAPORATION_SHARE[layer] * dryness
        loss += demand_mm * _PLANT_COVER * _ROOT_SHARE[layer] * _available(theta, WILTING_POINT)
        amounts[layer] -= min(loss, max(0.0, amounts[layer] - RESIDUAL * thick * 1000.0))


def _available(theta: float, floor: float) -> float:
    return min(1.0, max(0.0, (theta - floor) / (FIELD_CAPACITY - floor)))


def _infiltrate(amounts: list[float], rain_mm: float) -> None:
    """Let rain and what drains from above fill layer after layer; the last one loses it."""
    arriving = rain_mm
    for layer, thick in enumerate(THICKNESS_M):
        amounts[layer] += arriving
        excess = max(0.0, amounts[layer] - FIELD_CAPACITY * thick * 1000.0)
        overflow = max(0.0, amounts[layer] - SATURATION * thick * 1000.0)
        arriving = max(overflow, excess * _DRAIN_PER_HOUR)
        amounts[layer] -= arriving


def demand_mm(solar_wm2: float, temperature_c: float) -> float:
    """Evaporative demand of an hour in mm (Makkink form; 2.45 MJ evaporates a kilogram)."""
    warmth = max(0.0, 0.45 + 0.011 * temperature_c)
    return 0.75 * warmth * solar_wm2 * HOUR_S / 2.45e6


def at_depth(water: Water, depth_m: float) -> float:
    """Water at a depth, m3/m3, straight between the middles of the layers."""
    if depth_m <= CENTRES_M[0]:
        return water[0]
    for layer in range(1, len(CENTRES_M)):
        if depth_m <= CENTRES_M[layer]:
            span = CENTRES_M[layer] - CENTRES_M[layer - 1]
            part = (depth_m - CENTRES_M[layer - 1]) / span
            return water[layer - 1] + part * (water[layer] - water[layer - 1])
    return water[-1]


def temperature_c(weather: Weather, time_s: float, depth_m: float) -> float:
    """Soil temperature: the waves of the year, the weather and the day, each damped and late.

    Solution of heat conduction for a periodic surface temperature (Hillel 1998, chapter 12).
    """
    year = _late(time_s, depth_m / _DAMPING_YEAR_M, YEAR_DAYS * DAY_S)
    spell = _late(time_s, depth_m / _DAMPING_SPELL_M, _SPELL_S)
    day = _late(time_s, depth_m / _DAMPING_DAY_M, DAY_S)
    return (
        ANNUAL_MEAN_C
        + 2.0  # bare sand is warmer than the air
        + weather.seasonal_c(year) * exp(-depth_m / _DAMPING_YEAR_M)
        + weather.spell_c(spell) * exp(-depth_m / _DAMPING_SPELL_M)
        + 13.0 * weather.day_wave(day) * exp(-depth_m / _DAMPING_DAY_M)
    )


def _late(time_s: float, phase: float, period_s: float) -> float:
    """Go back by the time a wave takes to a depth: one radian of its period a damping depth."""
    return time_s - phase * period_s / (2.0 * pi)


def bulk_ec(theta: float, temperature: float) -> float:
    """Bulk conductivity of clean sand in uS/cm; grows with water and by 2 % a degree."""
    return 2800.0 * theta * sqrt(theta) * (1.0 + 0.02 * (temperature - 25.0))
