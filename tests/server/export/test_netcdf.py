"""What a NetCDF file says of itself, read by other code than wrote it (xarray on h5netcdf)."""

import netCDF4
import numpy as np
import pytest
import xarray as xr

from server.export.formats.attributes import sensor_names, udunits, variable_names
from server.export.query import Format, Terms
from wire.units import UNITS

JANUARY = 1_767_225_600_000
SOIL, TEMPERATURE = "dune-1/soil-10cm/vwc_raw", "dune-1/soil-30cm/soil_temperature"


@pytest.fixture
def opened(sqlite_station):
    station = sqlite_station
    station.store(
        SOIL, [(JANUARY, 2493.4, 1, ""), (JANUARY + 600_000, None, 9, "no answer, twice")]
    )
    station.store(TEMPERATURE, [(JANUARY + 1, -3.5, 4 | 16 | 32, "")])
    station.store("dune-1/weather/rain", [(JANUARY, 0.2, 1, "")])
    station.store(station.id(SOIL, "kubuqi-orchard"), [(JANUARY, 1.0, 1, "")])
    terms = Terms("CC BY 4.0", "Kubuqi Forestry Bureau")
    station.export(station.query(Format.NETCDF, terms=terms))
    path = station.out / "data/kubuqi-dune/dune-1/dune-1.2026-01.nc"
    with xr.open_dataset(path, engine="h5netcdf", decode_cf=True) as ds:
        yield ds


def test_the_time_axis_is_utc_and_holds_every_instant_once(opened):
    assert opened.time.values.astype("datetime64[ms]").astype(int).tolist() == [
        JANUARY,
        JANUARY + 1,
        JANUARY + 600_000,
    ]
    assert opened.time.encoding["units"] == "milliseconds since 1970-01-01T00:00:00Z"


def test_missing_is_flagged_and_has_its_reason_but_nothing_is_claimed_between(opened):
    values = opened.vwc_raw_soil_10cm.values
    flags = opened.vwc_raw_soil_10cm_flag.values
    reason = int(opened.vwc_raw_soil_10cm_reason.values[2])

    assert values[0] == 2493.4
    assert np.isnan(values[1:]).all()
    assert (flags[0], flags[2]) == (1, 9)
    assert np.isnan(flags[1])
    assert opened.reason_text.values[reason] == "no answer, twice"


def test_flags_and_tests_are_spelt_out(opened):
    flag, tests = opened.soil_temperature_soil_30cm_flag, opened.soil_temperature_soil_30cm_tests
    beside = opened.soil_temperature_soil_30cm.attrs["ancillary_variables"].split()

    assert beside == ["soil_temperature_soil_30cm_flag", "soil_temperature_soil_30cm_tests"]
    assert flag.attrs["standard_name"] == "aggregate_quality_flag"
    assert dict(
        zip(flag.attrs["flag_values"], flag.attrs["flag_meanings"].split(), strict=True)
    ) == {
        1: "pass",
        2: "not_evaluated",
        3: "suspect",
        4: "fail",
        9: "missing",
    }
    meanings = dict(
        zip(tests.attrs["flag_meanings"].split(), tests.attrs["flag_masks"], strict=True)
    )
    assert meanings == {"gross_range": 16, "clock_unknown": 32, "future_time": 64, "edge": 128}
    assert (flag.values[1], tests.values[1]) == (4, 48)


def test_a_variable_says_what_it_is(opened):
    found = opened.soil_temperature_soil_30cm.attrs

    assert found["standard_name"] == "soil_temperature"
    assert (found["units"], found["units_ucum"]) == ("degree_Celsius", "Cel")
    assert found["cell_methods"] == "time: point"
    assert opened.rain_weather.attrs["cell_methods"] == "time: sum"
    assert "METER TEROS 12 SN-soil-30cm, depth 0.3 m" in found["instrument_history"]


def test_where_it_was_measured_is_among_the_coordinates(opened):
    assert (float(opened.lat), float(opened.lon), float(opened.alt)) == (40.6, 108.9, 1042.0)
    assert str(opened.station.values) == "dune-1"
    assert opened.station.attrs["cf_role"] == "timeseries_id"
    assert float(opened.depth_soil_30cm) == 0.3
    assert opened.depth_soil_30cm.attrs["positive"] == "down"
    assert float(opened.height_weather) == 2.0
    assert opened.height_weather.attrs["positive"] == "up"
    assert set(opened.rain_weather.encoding["coordinates"].split()) == {
        "lat",
        "lon",
        "alt",
        "station",
        "height_weather",
    }


def test_the_file_says_whose_and_what_it_is(opened):
    found = opened.attrs

    assert found["Conventions"] == "CF-1.11, ACDD-1.3"
    assert found["featureType"] == "timeSeries"
    assert found["license"] == "CC BY 4.0"
    assert found["institution"] == "Kubuqi Forestry Bureau"
    assert found["history"].startswith("2026-03-20T09:46:40.000Z saxaul ")
    assert "saxaul-server export --site kubuqi" in found["history"]
    assert found["time_coverage_start"] == "2026-01-01T00:00:00.000Z"
    assert found["time_coverage_end"] == "2026-01-01T00:10:00.000Z"
    assert found["site_time_zone"] == "UTC"


def test_a_thing_of_unknown_position_is_no_feature_of_cf(opened, sqlite_station):
    path = sqlite_station.out / "data/kubuqi-orchard/dune-1/dune-1.2026-01.nc"
    with xr.open_dataset(path, engine="h5netcdf") as ds:
        assert "featureType" not in ds.attrs
        assert "lat" not in ds
        assert ds.vwc_raw_soil_10cm.values.tolist() == [1.0]


def test_the_reference_library_reads_it_too(opened, sqlite_station):
    path = sqlite_station.out / "data/kubuqi-dune/dune-1/dune-1.2026-01.nc"
    with netCDF4.Dataset(path) as dataset:
        assert dataset["vwc_raw_soil_10cm"][:].tolist() == [2493.4, None, None]


def test_every_unit_has_a_spelling_that_udunits_knows():
    """Each was tried with UDUNITS 2.2 by hand when this was written; a new unit must be, too."""
    known = {
        "1", "percent", "m3 m-3", "degree_Celsius", "K", "Pa", "hPa", "kPa", "bar", "m s-1",
        "km h-1", "knot", "degree", "m", "cm", "mm", "km", "s", "W m-2", "S m-1", "dS m-1",
        "uS cm-1", "lx", "ug m-3", "mg kg-1", "J", "uJ", "V", "MJ m-2 day-1",
        "degree_Fahrenheit", "mmHg", "inHg", "mile hour-1", "foot minute-1", "mm h-1", "in h-1",
        "in", "us", "Hz", "g", "cm-2", "cm-2 h-1", "A",
    }  # fmt: skip

    assert {udunits(code) for code in UNITS} == known
    assert udunits("furlong") == "1"  # what a gateway says that knows more than we do


def test_names_are_such_as_cf_allows_and_differ(sqlite_station):
    from dataclasses import replace

    from server.export.metadata import read_site

    with sqlite_station.engine.connect() as connection:
        one = read_site(connection, "kubuqi").series[0]
    alike = [
        replace(one, id=1, sensor="soil-10cm", property="vwc"),
        replace(one, id=2, sensor="soil.10cm", property="vwc"),
        replace(one, id=3, sensor="10", property="2m_wind"),
    ]

    assert variable_names(alike) == {1: "vwc_soil_10cm", 2: "vwc_soil_10cm_2", 3: "x2m_wind_10"}
    assert list(sensor_names(alike).values()) == ["soil_10cm", "soil_10cm_1", "10"]
