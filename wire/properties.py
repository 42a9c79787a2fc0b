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
    """One thing that can be measured. `unit` is the UCUM code people read it in.

    `is_measured` is false for what an instrument computes from another value of its own: it is kept
    as it comes, but nobody should be called out for it.
    """

    key: str
    label: str
    unit: str
    cf_name: str | None = None
    aggregate: Aggregate = Aggregate.MEAN
    is_measured: bool = True


_P = ObservedProperty

PROPERTIES: dict[str, ObservedProperty] = {
    item.key: item
    for item in (
        # Soil water
        _P("vwc", "Soil water", "m3/m3", "volume_fraction_of_condensed_water_in_soil"),
        _P("vwc_raw", "Soil water, raw", "{raw}"),
        # 0 at the wilting point, 1 at field capacity: how dry a soil is, whatever its texture.
        _P("relative_extractable_water", "Extractable soil water", "1"),
        _P("soil_temperature", "Soil temperature", "Cel", "soil_temperature"),
        _P("soil_ec", "Soil bulk conductivity", "uS/cm"),
        # At 25 Cel, where the probe itself converts to that.
        _P("soil_ec_25", "Soil bulk conductivity at 25 °C", "uS/cm"),
        _P("soil_pore_ec", "Pore water conductivity", "uS/cm", is_measured=False),
        _P("permittivity", "Soil permittivity", "1"),
        # Negative: 10 centibar of a tensiometer are -10 kPa.
        _P("soil_matric_potential", "Soil matric potential", "kPa"),
        _P("signal_period", "Signal period", "us"),
        _P("signal_ratio", "Signal voltage ratio", "1"),
        _P("soil_ph", "Soil pH", "[pH]"),
        # 7-in-1 probes compute these from conductivity.
        _P("nitrogen", "Nitrogen, computed", "mg/kg", is_measured=False),
        _P("phosphorus", "Phosphorus, computed", "mg/kg", is_measured=False),
        _P("potassium", "Potassium, computed", "mg/kg", is_measured=False),
        # Weather
        _P("air_temperature", "Air temperature", "Cel", "air_temperature"),
        _P("relative_humidity", "Relative humidity", "%", "relative_humidity"),
        _P("dew_point", "Dew point", "Cel", "dew_point_temperature"),
        _P("air_pressure", "Air pressure", "hPa", "air_pressure"),
        # As consoles compute it from the height they were told.
        _P("sea_level_pressure", "Air pressure at sea level", "hPa", is_measured=False),
        _P("vapour_pressure", "Vapour pressure", "kPa", "water_vapor_partial_pressure_in_air"),
        _P("wind_speed", "Wind speed", "m/s", "wind_speed"),
        _P("wind_speed_10min", "Wind speed, mean of 10 min", "m/s", "wind_speed"),
        _P("wind_speed_min", "Weakest wind", "m/s"),
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
        _P("uv_index", "UV index", "1"),
        _P("rain", "Rain", "mm", "thickness_of_rainfall_amount", Aggregate.SUM),
        _P("rain_total", "Rain, running total", "mm", None, Aggregate.COUNTER),
        _P("rain_rate", "Rain rate", "mm/h", "rainfall_rate"),
        _P("rain_duration", "Rain duration, running total", "s", None, Aggregate.COUNTER),
        _P("rain_drops", "Rain drops", "{count}", None, Aggregate.SUM),
        _P("rain_tips", "Rain gauge tips", "{count}", None, Aggregate.SUM),
        _P("rain_ec", "Rain conductivity", "uS/cm"),
        _P("hail_total", "Hail, running total", "{count}/cm2", None, Aggregate.COUNTER),
        _P("hail_rate", "Hail rate", "{count}/(cm2.h)"),
        _P(
            "evapotranspiration_total",
            "Evapotranspiration, running total",
            "mm",
            None,
            Aggregate.COUNTER,
            is_measured=False,
        ),
        _P("leaf_wetness", "Leaf wetness, 0 to 15", "1"),
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
        _P("heater_temperature", "Heater temperature", "Cel"),
        _P("heater_voltage", "Heater voltage", "V"),
        _P("supply_voltage", "Supply voltage", "V"),
        _P("battery_voltage", "Battery voltage", "V"),
        _P("reference_voltage", "Reference voltage", "V"),
        _P("tilt_x", "Tilt, x", "deg"),
        _P("tilt_y", "Tilt, y", "deg"),
        # Sand
        _P("sand_distance", "Distance to the sand", "m"),
        _P("echo_quality", "Echo quality", "1", None, Aggregate.LAST),
        _P("correction_temperature", "Air temperature for the distance", "Cel"),
        _P("sand_height", "Sand surface height", "m"),
        _P("saltation_count", "Sand grains", "{count}", None, Aggregate.SUM),
        _P("saltation_energy", "Sand kinetic energy", "uJ", None, Aggregate.SUM),
        _P("saltation_seconds", "Seconds with sand moving", "s", None, Aggregate.SUM),
        _P("saltation_total", "Sand grains, running total", "{count}", None, Aggregate.COUNTER),
        _P(
            "saltation_energy_total",
            "Sand kinetic energy, running total",
            "uJ",
            None,
            Aggregate.COUNTER,
        ),
        _P("saltation_pulses", "Sand kinetic energy, pulses", "{count}", None, Aggregate.SUM),
        _P(
            "saltation_pulses_total",
            "Sand kinetic energy, pulses, running total",
            "{count}",
            None,
            Aggregate.COUNTER,
        ),
        _P("trap_mass", "Sand in the trap", "g", None, Aggregate.LAST),
        _P("trap_catch", "Sand caught", "g", None, Aggregate.SUM),
        # Time
        _P("gnss_satellites", "Satellites in use", "{count}", None, Aggregate.LAST),
    )
}


def observed_property(key: str) -> ObservedProperty:
    """Look a property up by key; raises ContractError for one we do not know."""
    try:
        return PROPERTIES[key]
    except KeyError:
        raise ContractError(f"unknown observed property '{key}'") from None
