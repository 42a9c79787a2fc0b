"""The observed properties we know: their names, CF standard names, units and how they aggregate.

CF names from version 83 of the CF standard name table; None where CF has no name. The key is the
last part of a datastream's name, as in `dune-3/soil-30cm/vwc_raw`.
"""

from dataclasses import dataclass
from enum import StrEnum

from wire.errors import ContractError


class Aggregate(StrEnum):
    """How values of a property combine over time."""

    MEAN = "mean"
    SUM = "sum"
    MAX = "max"
    LAST = "last"
    VECTOR_MEAN = "vector_mean"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class ObservedProperty:
    """One thing that can be measured. `unit` is the UCUM code people read it in."""

    key: str
    label: str
    unit: str
    cf_name: str | None = None
    aggregate: Aggregate = Aggregate.MEAN


_P = ObservedProperty

PROPERTIES: dict[str, ObservedProperty] = {
    item.key: item
    for item in (
        # Soil water
        _P("vwc", "Soil water", "m3/m3", "volume_fraction_of_condensed_water_in_soil"),
        _P("vwc_raw", "Soil water, raw", "{raw}"),
        _P("soil_temperature", "Soil temperature", "Cel", "soil_temperature"),
        _P("soil_ec", "Soil bulk conductivity", "uS/cm"),
        _P("soil_ph", "Soil pH", "[pH]"),
        # Weather
        _P("air_temperature", "Air temperature", "Cel", "air_temperature"),
        _P("relative_humidity", "Relative humidity", "%", "relative_humidity"),
        _P("air_pressure", "Air pressure", "hPa", "air_pressure"),
        _P("vapour_pressure", "Vapour pressure", "kPa", "water_vapor_partial_pressure_in_air"),
        _P("wind_speed", "Wind speed", "m/s", "wind_speed"),
        _P("wind_speed_max", "Strongest wind", "m/s", None, Aggregate.MAX),
        _P("wind_gust", "Gust", "m/s", "wind_speed_of_gust", Aggregate.MAX),
        _P("wind_direction", "Wind from", "deg", "wind_from_direction", Aggregate.VECTOR_MEAN),
        # As instruments give it; CF northward_wind has the other sign.
        _P("wind_north", "Wind from the north", "m/s"),
        _P("wind_east", "Wind from the east", "m/s"),
        _P(
            "solar_radiation",
            "Solar radiation",
            "W/m2",
            "surface_downwelling_shortwave_flux_in_air",
        ),
        _P("illuminance", "Light", "lx"),
        _P("rain", "Rain", "mm", "thickness_of_rainfall_amount", Aggregate.SUM),
        _P("rain_total", "Rain, running total", "mm", None, Aggregate.COUNTER),
        _P("lightning_strikes", "Lightning strikes", "{count}", None, Aggregate.SUM),
        _P("lightning_distance", "Lightning distance", "km", None, Aggregate.LAST),
        _P("noise_level", "Noise", "dB"),
        _P(
            "pm2_5",
            "PM2.5",
            "ug/m3",
            "mass_concentration_of_pm2p5_ambient_aerosol_particles_in_air",
        ),
        _P("pm10", "PM10", "ug/m3", "mass_concentration_of_pm10_ambient_aerosol_particles_in_air"),
        _P("sensor_temperature", "Temperature inside the sensor", "Cel"),
        _P("tilt_x", "Tilt, x", "deg"),
        _P("tilt_y", "Tilt, y", "deg"),
        # Sand
        _P("sand_distance", "Distance to the sand", "m"),
        _P("echo_quality", "Echo quality", "1", None, Aggregate.LAST),
        _P("sand_height", "Sand surface height", "m"),
        _P("saltation_count", "Sand grains", "{count}", None, Aggregate.SUM),
        _P("saltation_energy", "Sand kinetic energy", "uJ", None, Aggregate.SUM),
        _P("saltation_seconds", "Seconds with sand moving", "s", None, Aggregate.SUM),
    )
}


def observed_property(key: str) -> ObservedProperty:
    """Look a property up by key; raises ContractError for one we do not know."""
    try:
        return PROPERTIES[key]
    except KeyError:
        raise ContractError(f"unknown observed property '{key}'") from None
