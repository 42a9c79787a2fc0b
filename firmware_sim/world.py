"""The simulated site: everything a sensor could feel there, as a function of time.

`World(seed, origin_s)` answers the same for the same question, whatever was asked before. Sensors
stand at *spots* (a thing's id): two spots share the weather, but a gust takes time from one to the
other and no two spots have the same sand.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from firmware_sim.physics import sand, soil
from firmware_sim.physics.chance import Noise, stream, uniform
from firmware_sim.physics.ledger import Ledger, friction_velocity, threshold
from firmware_sim.physics.weather import Site, Weather

# Grains that a counter with an inlet of about 1 cm2 near the surface sees in a second, for a
# transport of 1 kg m-1 s-1 in a saltation layer 5 cm high.
_GRAINS_PER_FLUX = 1.0e-4 / 0.05 / sand.GRAIN_MASS_KG * 0.5
_TRAVEL_S = 240.0  # the longest a gust takes from one spot to another


@dataclass(frozen=True, slots=True)
class Conditions:
    """One second above the ground. None: the source of this world does not know.

    `rain_total_mm` and `lightning_total` count from the world's origin; `grains` and
    `grain_energy_uj` are those of this one second; wind is at 2 m.
    """

    air_temperature_c: float | None = None
    relative_humidity_pct: float | None = None
    vapour_pressure_kpa: float | None = None
    pressure_hpa: float | None = None
    solar_wm2: float | None = None
    rain_total_mm: float | None = None
    lightning_total: int | None = None
    lightning_km: float | None = None
    wind_speed_ms: float | None = None
    wind_gust_ms: float | None = None
    wind_direction_deg: float | None = None
    pm2_5_ugm3: float | None = None
    pm10_ugm3: float | None = None
    noise_db: float | None = None
    grains: int | None = None
    grain_energy_uj: float | None = None
    sand_height_m: float | None = None


@dataclass(frozen=True, slots=True)
class Soil:
    """The soil at a depth: m3/m3, degrees Celsius, uS/cm. None: not known."""

    water: float | None
    temperature_c: float | None
    ec_uscm: float | None


class Surroundings(Protocol):
    """What devices are put into: the simulated world, or the record of a real station."""

    def conditions(self, time_s: float, spot: str = "") -> Conditions:
        """Tell what it is like above the ground at an instant, s since the epoch."""

    def soil(self, time_s: float, depth_m: float, spot: str = "") -> Soil:
        """Tell what it is like in the soil."""


class World:
    """A seeded site. `origin_s` is where its soil starts; the weather has no beginning."""

    def __init__(self, seed: int, origin_s: float, site: Site | None = None) -> None:
        """Derive everything from the seed."""
        self._seed = seed
        self._weather = Weather(seed, site or Site())
        self._haze = Noise(seed, "haze", 7200.0)
        self._thunder = Noise(seed, "thunder distance", 1300.0)
        self._grains = stream(seed, "grains")
        # Devices at one spot ask for the same second; this is speed, not state.
        self._hour = lru_cache(maxsize=256)(Ledger(self._weather, origin_s).at)
        self._conditions = lru_cache(maxsize=256)(self._compute)
        self._character = lru_cache(maxsize=256)(self._draw_character)

    def conditions(self, time_s: float, spot: str = "") -> Conditions:
        """Tell what it is like above the ground at an instant, s since the epoch."""
        return self._conditions(time_s, spot)

    def soil(self, time_s: float, depth_m: float, spot: str = "") -> Soil:
        """Tell what it is like in the soil at a depth in metres."""
        character = self._character(spot)
        theta = soil.at_depth(self._hour(time_s).water, depth_m)
        theta = min(soil.SATURATION, theta * (1.0 + 0.12 * character))
        warmth = soil.temperature_c(self._weather, time_s, depth_m) + 0.6 * character
        return Soil(theta, warmth, soil.bulk_ec(theta, warmth))

    def _draw_character(self, spot: str) -> float:
        """Give each spot a number in [-1, 1] that sets it apart; the nameless one is average."""
        return 2.0 * uniform(stream(self._seed, f"spot {spot}"), 0) - 1.0 if spot else 0.0

    def _compute(self, time_s: float, spot: str) -> Conditions:
        character = self._character(spot)
        here_s = time_s - _TRAVEL_S * (1.0 + character) / 2.0 if spot else time_s
        air, wind = self._weather.air(here_s), self._weather.wind(here_s)
        hour = self._hour(here_s)
        still_below, ustar = threshold(hour.water[0]), friction_velocity(wind.speed_ms)
        grains = self._count(sand.flux(ustar, still_below), here_s)
        dust = 9000.0 * sand.flux(friction_velocity(wind.minute_ms * 1.15), still_below)
        pm10 = 28.0 + 16.0 * self._haze.at(here_s) + dust
        strikes = self._weather.strikes_between(here_s - 600.0, here_s)
        return Conditions(
            air_temperature_c=air.temperature_c + 0.25 * character,
            relative_humidity_pct=air.relative_humidity_pct,
            vapour_pressure_kpa=air.vapour_pressure_kpa,
            pressure_hpa=air.pressure_hpa,
            solar_wm2=air.solar_wm2,
            rain_total_mm=hour.rain_mm,
            lightning_total=hour.strikes,
            lightning_km=14.0 + 11.0 * self._thunder.at(here_s) if strikes else 0.0,
            wind_speed_ms=wind.speed_ms,
            wind_gust_ms=wind.gust_ms,
            wind_direction_deg=wind.direction_deg,
            pm2_5_ugm3=0.35 * pm10,
            pm10_ugm3=pm10,
            noise_db=33.0 + 2.1 * wind.speed_ms,
            grains=grains,
            grain_energy_uj=grains * sand.grain_energy_uj(ustar),
            sand_height_m=hour.sand_height_m,
        )

    def _count(self, flux: float, time_s: float) -> int:
        """Turn a mean number of grains a second into a whole one, with the scatter of streamers."""
        chance = uniform(self._grains, int(time_s * 1000.0))
        return int(flux * _GRAINS_PER_FLUX * (0.4 + 1.2 * chance) + chance)
