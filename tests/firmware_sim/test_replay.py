"""A real station's record as surroundings."""

import pytest

from firmware_sim.replay import ReplayWorld
from wire.errors import ConfigError

START_S = 1_795_000_000.0
HEADER = (
    "wban,station,lst_date,t_daily_avg,p_daily_calc,solarad_daily,rh_daily_avg,"
    "soil_moisture_5_daily,soil_moisture_10_daily,soil_moisture_20_daily,soil_moisture_50_daily,"
    "soil_moisture_100_daily,soil_temp_5_daily,soil_temp_10_daily,soil_temp_20_daily,"
    "soil_temp_50_daily,soil_temp_100_daily\n"
)
ROWS = (
    "1,Dry Lake,2020-01-01,8.2,0,12.96,67,0.096,0.126,0.13,0.14,,9.5,9.3,9.1,8.9,\n"
    "1,Dry Lake,2020-01-02,7.5,4,8.64,66.4,0.107,0.119,,,,9.3,,,,\n"
    "2,Far Dune,2020-01-01,,,,,0.05,,,,,1.5,,,,\n"
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "station.csv"
    path.write_text(HEADER + ROWS)
    return path


@pytest.fixture
def world(path):
    return ReplayWorld(path, START_S, row_s=10.0)


def test_a_row_lasts_its_time(world):
    assert world.conditions(START_S).air_temperature_c == 8.2
    assert world.conditions(START_S + 9.9).air_temperature_c == 8.2
    assert world.conditions(START_S + 10.0).air_temperature_c == 7.5


def test_after_the_last_row_comes_the_first(world):
    assert world.conditions(START_S + 20.0).air_temperature_c == 8.2


def test_before_the_start_it_is_the_first_row(world):
    assert world.conditions(START_S - 100.0).air_temperature_c == 8.2


def test_columns_become_conditions(world):
    """12.96 MJ/m2 a day are 150 W/m2 on average."""
    now = world.conditions(START_S)
    assert now.relative_humidity_pct == 67.0
    assert now.solar_wm2 == pytest.approx(150.0)
    assert now.wind_speed_ms is None
    assert now.grains is None


def test_rain_falls_evenly_and_adds_up_over_cycles(world):
    totals = [world.conditions(START_S + t).rain_total_mm for t in (5, 10, 15, 20, 35)]
    assert totals == pytest.approx([0.0, 0.0, 2.0, 4.0, 6.0])


@pytest.mark.parametrize(
    ("depth_m", "water"), [(0.0, 0.096), (0.05, 0.096), (0.1, 0.126), (0.3, 0.13), (0.6, 0.14)]
)
def test_soil_is_that_of_the_nearest_depth(world, depth_m, water):
    assert world.soil(START_S, depth_m).water == water


def test_what_was_not_measured_is_none(world):
    assert world.soil(START_S, 1.0).water is None
    assert world.soil(START_S + 10.0, 0.1).temperature_c is None
    assert world.soil(START_S, 0.05).ec_uscm is None


def test_a_station_can_be_chosen(path):
    world = ReplayWorld(path, START_S, 10.0, "Far Dune")
    assert world.soil(START_S, 0.05).water == 0.05
    assert world.conditions(START_S).air_temperature_c is None
    assert world.conditions(START_S).rain_total_mm is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "has no rows"),
        ("date,rain\n1,2\n", "columns are missing: station, t_daily_avg"),
        (HEADER + ROWS.replace("8.2", "warm"), r"station.csv:2: 'warm' in t_daily_avg"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(path, text, message):
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        ReplayWorld(path, START_S, 10.0)


def test_an_unknown_station_is_answered_with_those_there_are(path):
    with pytest.raises(ConfigError, match="'Wet Hill'; there are 'Dry Lake', 'Far Dune'"):
        ReplayWorld(path, START_S, 10.0, "Wet Hill")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.csv: cannot be read"):
        ReplayWorld(tmp_path / "none.csv", START_S, 10.0)


def test_bytes_that_are_no_text_are_refused(path):
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="no CSV file"):
        ReplayWorld(path, START_S, 10.0)
