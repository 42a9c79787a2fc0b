"""What a NetCDF file says of itself, in the words of CF 1.11 and ACDD 1.3. Pure."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from server.api.instants import iso
from server.export.blocks import TIME_MEANS, Column
from server.export.describing import NO_LICENCE, SOURCE, instruments_within
from server.export.formats.parts import Export
from server.export.metadata import Instrument, Place, Series, Thing
from server.export.periods import Period
from server.export.plan import Part
from server.export.query import Resolution
from wire.properties import Aggregate
from wire.quality import Flag, Test
from wire.units import UNITS

CONVENTIONS = "CF-1.11, ACDD-1.3"
VOCABULARY = "CF Standard Name Table v83"
TIME_UNITS = "milliseconds since 1970-01-01T00:00:00Z"

Attributes = dict[str, object]

# UCUM to UDUNITS-2, which CF wants; what UDUNITS has no unit for is a plain number.
_UDUNITS = {
    "%": "percent",
    "m3/m3": "m3 m-3",
    "{count}": "1",
    "{raw}": "1",
    "Cel": "degree_Celsius",
    "m/s": "m s-1",
    "km/h": "km h-1",
    "[kn_i]": "knot",
    "deg": "degree",
    "W/m2": "W m-2",
    "S/m": "S m-1",
    "dS/m": "dS m-1",
    "uS/cm": "uS cm-1",
    "dB": "1",
    "ug/m3": "ug m-3",
    "[pH]": "1",
    "mg/kg": "mg kg-1",
    "MJ/(m2.d)": "MJ m-2 day-1",
    "[degF]": "degree_Fahrenheit",
    "mm[Hg]": "mmHg",
    "[in_i'Hg]": "inHg",
    "[mi_i]/h": "mile hour-1",
    "[ft_i]/min": "foot minute-1",
    "mm/h": "mm h-1",
    "[in_i]/h": "in h-1",
    "[in_i]": "in",
    "{count}/cm2": "cm-2",
    "{count}/(cm2.h)": "cm-2 h-1",
}
# CF 1.11, appendix E.
_METHODS = {
    "last": "point",
    "mean": "mean",
    "vector_mean": "mean",
    "sum": "sum",
    "nonzero_seconds": "sum",
    "max": "maximum",
}
_BUCKET_METHODS = {"min": "minimum", "max": "maximum", "sum": "sum", "last": "point"}


def udunits(ucum: str) -> str:
    """Write a unit as UDUNITS-2 spells it; one that nobody here knows is told as UCUM alone."""
    return _UDUNITS.get(ucum, ucum if ucum in UNITS else "1")


def variable_names(series: Sequence[Series]) -> Mapping[int, str]:
    """Name the series of one thing as CF allows: letters, digits, underscores; by id."""
    names: dict[int, str] = {}
    for one in series:
        name = _name(f"{one.property}_{one.sensor}")
        names[one.id] = f"{name}_{one.id}" if name in names.values() else name
    return names


def sensor_names(series: Sequence[Series]) -> Mapping[str, str]:
    """Name the sensors of one thing likewise; by key."""
    names: dict[str, str] = {}
    for key in dict.fromkeys(one.sensor for one in series):
        name = _name(key, letter_first=False)
        names[key] = f"{name}_{len(names)}" if name in names.values() else name
    return names


def _name(text: str, *, letter_first: bool = True) -> str:
    name = re.sub(r"[^A-Za-z0-9_]", "_", text)
    return name if name[0].isalpha() or not letter_first else f"x{name}"


def place_at(thing: Thing, period: Period) -> Place | None:
    """Give where a thing stood at the end of a period; its first place, when it came later."""
    before = [place for place in thing.places if place.since_ms < period.to_ms]
    known = before or thing.places[:1]
    return known[-1] if known else None


def global_attributes(export: Export, part: Part, time_ms: Sequence[int]) -> Attributes:
    """Describe the file; `time_ms` are its first and last instant."""
    thing = part.series[0].thing
    query = export.query
    place = place_at(thing, part.period)
    first, last = (iso(one) for one in time_ms)
    found: Attributes = {
        "Conventions": CONVENTIONS,
        "title": f"{thing.name}, {export.site.name}, {part.period.label}",
        "summary": f"Observations of the station '{thing.name}' ({thing.key}) at the site "
        f"'{export.site.name}' ({export.site.key}), {_fineness(query.resolution)}, with a QARTOD "
        "flag for each.",
        "keywords": ", ".join(sorted({one.label for one in part.series})),
        "id": f"{export.site.key}.{thing.gateway}.{thing.key}.{part.period.label}",
        "naming_authority": "saxaul",
        "source": SOURCE,
        "instrument": ", ".join(_models(part)),
        "platform": thing.key,
        "processing_level": "as measured, with automatic quality flags"
        if query.resolution is Resolution.RAW
        else "statistics of the observations whose flag is not fail",
        "standard_name_vocabulary": VOCABULARY,
        "license": query.terms.licence or NO_LICENCE,
        "history": f"{iso(export.created_ms)} {export.software}: "
        f"saxaul-server export {query.options()}",
        "date_created": iso(export.created_ms),
        "product_version": export.software,
        "time_coverage_start": first,
        "time_coverage_end": last,
        "site_time_zone": query.time_zone,
        "gateway": thing.gateway,
    }
    if query.terms.institution:
        found["institution"] = found["creator_institution"] = query.terms.institution
    return found | (_position(thing, place) if place else {})


def _fineness(resolution: Resolution) -> str:
    if resolution is Resolution.RAW:
        return "each as it was stored"
    return f"as statistics over each {resolution.value}"


def _models(part: Part) -> list[str]:
    found = {one.model for series in part.series for one in instruments_within(series, part.period)}
    return sorted(found)


def _position(thing: Thing, place: Place) -> Attributes:
    found: Attributes = {
        # A time series has one position (CF 1.11, 9.2); without any it is none of CF's features.
        "featureType": "timeSeries",
        "cdm_data_type": "Station",
        "geospatial_lat_min": place.lat,
        "geospatial_lat_max": place.lat,
        "geospatial_lat_units": "degrees_north",
        "geospatial_lon_min": place.lon,
        "geospatial_lon_max": place.lon,
        "geospatial_lon_units": "degrees_east",
        "geospatial_bounds": f"POINT ({place.lat} {place.lon})",
        "geospatial_bounds_crs": "EPSG:4326",
    }
    if len(thing.places) > 1:
        found["position_history"] = "; ".join(
            f"since {iso(one.since_ms)}: {one.lat}, {one.lon}" for one in thing.places
        )
    return found


# ---------------------------------------------------------------- variables


def time_attributes(resolution: Resolution) -> Attributes:
    """Describe the time axis."""
    found: Attributes = {
        "standard_name": "time",
        "long_name": TIME_MEANS[resolution],
        "units": TIME_UNITS,
        "calendar": "standard",
        # As POSIX counts, and so do all computers here: as if there were none.
        "units_metadata": "leap_seconds: none",
        "axis": "T",
        "coverage_content_type": "coordinate",
    }
    return found if resolution is Resolution.RAW else {**found, "bounds": "time_bounds"}


def station_attributes() -> Attributes:
    """Describe the station's name, by which programs tell series of several files apart."""
    return {"long_name": "station", "cf_role": "timeseries_id"}


def position_attributes(name: str) -> Attributes:
    """Describe `lat`, `lon` or `alt`."""
    if name == "alt":
        return {
            "standard_name": "altitude",
            "long_name": "height above mean sea level",
            "units": "m",
            "positive": "up",
        }
    words = {"lat": ("latitude", "degrees_north", "Y"), "lon": ("longitude", "degrees_east", "X")}
    standard_name, units, axis = words[name]
    return {
        "standard_name": standard_name,
        "long_name": f"{standard_name} (WGS 84)",
        "units": units,
        "axis": axis,
    }


def level_attributes(name: str) -> Attributes:
    """Describe a sensor's depth or height, in metres."""
    is_depth = name == "depth"
    return {
        "standard_name": name,
        "long_name": "depth below the ground" if is_depth else "height above the ground",
        "units": "m",
        "positive": "down" if is_depth else "up",
        "axis": "Z",
    }


def level(series: Series, period: Period) -> tuple[str, float] | None:
    """Give the depth or height (m) of a series, if it is one and the same all through a period."""
    instruments = instruments_within(series, period)
    depths = {one.depth_m for one in instruments}
    heights = {one.height_m for one in instruments}
    if len(depths) == 1 and (depth := depths.pop()) is not None:
        return "depth", depth
    if len(heights) == 1 and (height := heights.pop()) is not None:
        return "height", height
    return None


def value_attributes(series: Series, column: Column, period: Period) -> Attributes:
    """Describe a variable that has the unit of a series."""
    found: Attributes = {
        "long_name": f"{series.label}, {series.sensor}",
        "units": udunits(series.unit),
        "units_ucum": series.unit,
        "cell_methods": f"time: {_method(series, column)}",
        "datastream": series.name,
        "datastream_id": np.int32(series.id),
        "statistic": series.statistic,
        "interval_s": series.interval_s,
        "instrument_history": "; ".join(map(_told, instruments_within(series, period))),
        "coverage_content_type": "physicalMeasurement",
    }
    if series.cf_name and (column.name != "sum" or series.aggregate == Aggregate.SUM):
        found["standard_name"] = series.cf_name
    if series.unit in ("Cel", "K"):
        found["units_metadata"] = "temperature: on_scale"
    if series.derived_from:
        found["derived_from"] = f"{series.derived_from} by {series.transform or 'nothing any more'}"
    if column.name not in ("value", "mean"):
        found["long_name"] = f"{series.label}, {series.sensor}: {column.name}"
    return found


def _method(series: Series, column: Column) -> str:
    if column.name == "value":
        return _METHODS.get(series.statistic, "point")
    return _BUCKET_METHODS.get(column.name, "mean")


def _told(one: Instrument) -> str:
    serial = f" {one.serial}" if one.serial else ""
    where = f", depth {one.depth_m} m" if one.depth_m is not None else ""
    where += f", height {one.height_m} m" if one.height_m is not None else ""
    until = "" if one.until_ms is None else f" until {iso(one.until_ms)}"
    return f"{one.model}{serial}{where}, since {iso(one.since_ms)}{until}"


def flag_attributes(series: Series) -> Attributes:
    """Describe the QARTOD flags of a series; where nothing was observed, there is none."""
    return {
        "standard_name": "aggregate_quality_flag",
        "long_name": f"QARTOD flag of {series.name}",
        "flag_values": np.array([flag.value for flag in Flag], dtype=np.int8),
        "flag_meanings": " ".join(flag.name.lower() for flag in Flag),
        "references": "IOOS QARTOD, primary level flags",
        "coverage_content_type": "qualityInformation",
    }


def tests_attributes(series: Series) -> Attributes:
    """Describe which tests did not pass."""
    return {
        "standard_name": "status_flag",
        "long_name": f"tests that {series.name} did not pass",
        "flag_masks": np.array([test.value for test in Test], dtype=np.int32),
        "flag_meanings": " ".join(str(test.name).lower() for test in Test),
        "coverage_content_type": "qualityInformation",
    }


def reason_attributes(series: Series) -> Attributes:
    """Describe the numbers that stand for reasons."""
    return {
        "long_name": f"why {series.name} is missing: index into reason_text",
        "units": "1",
        "coverage_content_type": "qualityInformation",
    }


def is_told(series: Series, column: Column) -> bool:
    """Tell whether a column says anything of a series: of directions there is no min, max, sum."""
    is_direction = series.aggregate == Aggregate.VECTOR_MEAN
    return not (is_direction and column.name in ("min", "max", "sum"))


def count_attributes(series: Series, column: Column) -> Attributes:
    """Describe a count of observations."""
    return {
        "standard_name": "number_of_observations",
        "long_name": f"{series.name}: {column.meaning}",
        "units": "1",
        "coverage_content_type": "qualityInformation",
    }
