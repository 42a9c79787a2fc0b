"""What instruments add of their own: the simulated world without the silence of a simulation.

The world's soil and air change smoothly; a probe's readings scatter about them. How much is not
what data sheets claim to resolve, but what has been measured (docs/decisions/0022).
"""

from dataclasses import replace
from math import cos, log, pi, sqrt

from firmware_sim.physics.chance import stream, uniform
from firmware_sim.world import Conditions, Soil, Surroundings

# Standard deviations of a single reading. Soil: six TEROS 12 in silt loam over 15 h of steady
# December soil (COMPASS-FME, Portage River, 2022), by the differences of successive readings.
_COUNTS = 1.5
_COUNT_IN_WATER = 3.879e-4  # m3/m3; TEROS 11/12 manual, 4.1, mineral soils
_SOIL_C = 0.01
_EC_USCM = 3.2
# Air: minutes of a WXT520 (DTU solar station, June 2024), a calm evening and a cloudy noon.
_PRESSURE_HPA = 0.03
_HUMIDITY_SHARE = 0.006


class Scatter:
    """Surroundings as instruments would report them before they round.

    `factor` multiplies every standard deviation; at 0 the world's own values are left.
    """

    def __init__(self, world: Surroundings, seed: int, factor: float) -> None:
        """Put the instruments' chance, by seed, before a world."""
        self._world = world
        self._seed = seed
        self._factor = factor

    def conditions(self, time_s: float, spot: str = "") -> Conditions:
        """Tell what it is like above the ground; pressure and humidity scatter."""
        here = self._world.conditions(time_s, spot)
        pressure, humidity = here.pressure_hpa, here.relative_humidity_pct
        if pressure is None or humidity is None:
            return here
        humidity *= 1.0 + _HUMIDITY_SHARE * self._off("humidity", time_s)
        return replace(
            here,
            pressure_hpa=pressure + _PRESSURE_HPA * self._off("pressure", time_s),
            relative_humidity_pct=min(100.0, humidity),
        )

    def soil(self, time_s: float, depth_m: float, spot: str = "") -> Soil:
        """Tell what it is like in the soil; a conductivity is never below 0."""
        here = self._world.soil(time_s, depth_m, spot)
        if here.water is None or here.temperature_c is None or here.ec_uscm is None:
            return here
        name = f"{spot} {depth_m}"
        return Soil(
            water=here.water + _COUNTS * _COUNT_IN_WATER * self._off(f"{name} water", time_s),
            temperature_c=here.temperature_c + _SOIL_C * self._off(f"{name} warmth", time_s),
            ec_uscm=max(0.0, here.ec_uscm + _EC_USCM * self._off(f"{name} ec", time_s)),
        )

    def _off(self, name: str, time_s: float) -> float:
        """Draw the normal deviate that belongs to a name and a second (Box and Muller 1958)."""
        chance = stream(self._seed, f"scatter {name}")
        radius = uniform(chance, 2 * int(time_s))
        angle = uniform(chance, 2 * int(time_s) + 1)
        return self._factor * sqrt(-2.0 * log(1.0 - radius)) * cos(2.0 * pi * angle)
