"""Sand in motion: thresholds and fluxes of wind erosion. Pure formulas, SI units.

Sources are given beside each; vectors are in the tests.
"""

from math import log, pi, sqrt

AIR_DENSITY = 1.225  # kg/m3
GRAIN_DENSITY = 2650.0  # quartz, kg/m3
GRAVITY = 9.81
VON_KARMAN = 0.40
GRAIN_DIAMETER_M = 250e-6
GRAIN_MASS_KG = GRAIN_DENSITY * pi / 6.0 * GRAIN_DIAMETER_M**3
BULK_DENSITY = 1500.0  # dry sand, kg/m3


def friction_velocity(speed_ms: float, height_m: float, roughness_m: float) -> float:
    """Friction velocity, m/s, by the logarithmic profile of neutral air."""
    return speed_ms * VON_KARMAN / log(height_m / roughness_m)


def dry_threshold(diameter_m: float, cohesion: float = 3.0e-4) -> float:
    """Threshold friction velocity of dry grains, m/s (Shao & Lu 2000, 10.1029/2000JD900304)."""
    weight = GRAIN_DENSITY / AIR_DENSITY * GRAVITY * diameter_m
    return sqrt(0.0123 * (weight + cohesion / (AIR_DENSITY * diameter_m)))


def moisture_ratio(water_pct: float, clay_pct: float) -> float:
    """By how much water raises the threshold (Fecan et al. 1999, 10.1007/s005850050744).

    `water_pct` is gravimetric, per cent, of the top centimetre or two.
    """
    bound = 0.0014 * clay_pct**2 + 0.17 * clay_pct
    if water_pct <= bound:
        return 1.0
    return sqrt(1.0 + 1.21 * (water_pct - bound) ** 0.68)


def gravimetric_pct(theta: float) -> float:
    """Water by mass, per cent, from m3/m3."""
    return 100.0 * theta * 1000.0 / BULK_DENSITY


def flux(ustar: float, threshold: float) -> float:
    """Height-integrated transport, kg m-1 s-1 (Kawamura 1951, 2.78); 0 up to the threshold."""
    if ustar <= threshold:
        return 0.0
    return 2.78 * AIR_DENSITY / GRAVITY * (ustar - threshold) * (ustar + threshold) ** 2


def grain_energy_uj(ustar: float) -> float:
    """Kinetic energy of a saltating grain in uJ; it flies at about ten friction velocities."""
    return 0.5 * GRAIN_MASS_KG * (10.0 * ustar) ** 2 * 1e6
