"""From an observed property to the number in the simulated surroundings.

With this table a device that the catalogue describes (a Modbus register map) needs no code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, radians, sin

from firmware_sim.devices.base import Setup
from firmware_sim.world import Conditions, Soil
from wire.catalogue import Field
from wire.errors import ContractError
from wire.units import unit

DEFAULT_DEPTH_M = 0.1
_LUX_PER_WATT = 120.0  # daylight, lx per W/m2


@dataclass(frozen=True, slots=True)
class _Above:
    unit: str
    read: Callable[[Conditions], float | None]


@dataclass(frozen=True, slots=True)
class _Below:
    unit: str
    read: Callable[[Soil], float | None]


def northward(conditions: Conditions) -> float | None:
    """Wind as METER prints it: the part that comes FROM the north, m/s."""
    return _component(conditions, cos)


def eastward(conditions: Conditions) -> float | None:
    """Wind as METER prints it: the part that comes FROM the east, m/s."""
    return _component(conditions, sin)


def _component(conditions: Conditions, part: Callable[[float], float]) -> float | None:
    speed, direction = conditions.wind_speed_ms, conditions.wind_direction_deg
    if speed is None or direction is None:
        return None
    return speed * part(radians(direction))


def _light(conditions: Conditions) -> float | None:
    return None if conditions.solar_wm2 is None else conditions.solar_wm2 * _LUX_PER_WATT


def _permittivity(soil: Soil) -> float | None:
    """Turn soil water into permittivity, about as Topp et al. (1980) have it in mineral soils."""
    if soil.water is None:
        return None
    return 3.03 + 9.3 * soil.water + 146.0 * soil.water**2 - 76.7 * soil.water**3


def _pore_ec(soil: Soil) -> float | None:
    if soil.water is None or soil.ec_uscm is None:
        return None
    return soil.ec_uscm / max(soil.water, 0.05)


def _ec_at_25(soil: Soil) -> float | None:
    if soil.ec_uscm is None or soil.temperature_c is None:
        return None
    return soil.ec_uscm / (1.0 + 0.02 * (soil.temperature_c - 25.0))


def _suction(soil: Soil) -> float | None:
    """Hold water the tighter the drier: Campbell's curve of a sand, kPa below nought."""
    return None if soil.water is None else -0.7 * (max(soil.water, 0.02) / 0.43) ** -2.8


def _of_salt(share: float) -> Callable[[Soil], float | None]:
    """Give nutrients as cheap probes do, which reckon them from conductivity."""
    return lambda soil: None if soil.ec_uscm is None else share * soil.ec_uscm


def _of_water(dry: float, wet: float) -> Callable[[Soil], float | None]:
    return lambda soil: None if soil.water is None else dry + (wet - dry) * soil.water


def _lull(conditions: Conditions) -> float | None:
    return None if conditions.wind_speed_ms is None else 0.6 * conditions.wind_speed_ms


_QUANTITIES: dict[str, _Above | _Below] = {
    "vwc": _Below("m3/m3", lambda s: s.water),
    "soil_temperature": _Below("Cel", lambda s: s.temperature_c),
    "soil_ec": _Below("uS/cm", lambda s: s.ec_uscm),
    "soil_ec_25": _Below("uS/cm", _ec_at_25),
    "soil_pore_ec": _Below("uS/cm", _pore_ec),
    "soil_matric_potential": _Below("kPa", _suction),
    "soil_ph": _Below("[pH]", lambda s: None if s.water is None else 8.1),
    "nitrogen": _Below("mg/kg", _of_salt(0.02)),
    "phosphorus": _Below("mg/kg", _of_salt(0.03)),
    "potassium": _Below("mg/kg", _of_salt(0.08)),
    "permittivity": _Below("1", _permittivity),
    "signal_period": _Below("us", _of_water(1.4, 5.0)),
    "signal_ratio": _Below("1", _of_water(1.0, 3.0)),
    "air_temperature": _Above("Cel", lambda c: c.air_temperature_c),
    "relative_humidity": _Above("%", lambda c: c.relative_humidity_pct),
    "air_pressure": _Above("hPa", lambda c: c.pressure_hpa),
    "vapour_pressure": _Above("kPa", lambda c: c.vapour_pressure_kpa),
    "wind_speed": _Above("m/s", lambda c: c.wind_speed_ms),
    "wind_speed_min": _Above("m/s", _lull),
    "wind_speed_max": _Above("m/s", lambda c: c.wind_gust_ms),
    "wind_gust": _Above("m/s", lambda c: c.wind_gust_ms),
    "wind_direction": _Above("deg", lambda c: c.wind_direction_deg),
    "solar_radiation": _Above("W/m2", lambda c: c.solar_wm2),
    "illuminance": _Above("lx", _light),
    "rain_total": _Above("mm", lambda c: c.rain_total_mm),
    "noise_level": _Above("dB", lambda c: c.noise_db),
    "pm2_5": _Above("ug/m3", lambda c: c.pm2_5_ugm3),
    "pm10": _Above("ug/m3", lambda c: c.pm10_ugm3),
}


def knows(property_key: str) -> bool:
    """Tell whether the surroundings have such a quantity."""
    return property_key in _QUANTITIES


def sense(setup: Setup, field: Field, now: float) -> float | None:
    """Give what an ideal sensor would read, in the field's unit; None where nothing is known."""
    quantity = _QUANTITIES.get(field.property)
    if quantity is None:
        raise ContractError(f"nothing in the simulated world is a '{field.property}'")
    if isinstance(quantity, _Below):
        depth = DEFAULT_DEPTH_M if setup.depth_m is None else setup.depth_m
        value = quantity.read(setup.surroundings.soil(now, depth, setup.spot))
    else:
        value = quantity.read(setup.surroundings.conditions(now, setup.spot))
    return None if value is None else _converted(value, quantity.unit, field.unit)


def _converted(value: float, source: str, target: str) -> float:
    """Convert in binary floating point: what is sensed is rounded by the instrument anyway."""
    if source == target:
        return value
    old, new = unit(source), unit(target)
    si = value * float(old.factor) + float(old.offset)
    return (si - float(new.offset)) / float(new.factor)
