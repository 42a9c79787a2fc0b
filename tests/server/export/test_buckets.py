"""Hours and days in the files are what the observations come to, rolled up yet or not."""

from datetime import datetime

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr

from server.export.query import Format, Resolution
from server.rollup.days import day_starts
from server.rollup.marks import Level
from server.rollup.plan import Unit
from server.rollup.statistics import HOUR_MS, summarise
from server.rollup.work import read_waiting, work_off

FEBRUARY, MARCH, APRIL = 1_769_904_000_000, 1_772_323_200_000, 1_775_001_600_000
SOIL, WIND = "dune-1/soil-10cm/vwc_raw", "dune-1/weather/wind_direction"
NAMES = ("n", "n_good", "mean", "min", "max", "sum", "last")


@pytest.fixture
def filled(station):
    """Around the change to summer time; some of the values fail."""
    station.zone("Europe/Berlin")
    for name, seed in ((SOIL, 1), (WIND, 2)):
        station.fill(name, 1500, start=MARCH + 20 * 24 * HOUR_MS + 123, seed=seed)
    station.store(SOIL, [(MARCH, 7.0, 4 | 16, ""), (MARCH + HOUR_MS, None, 9, "timeout")])
    return station


def wanted(station, name, resolution, since, to):
    rows = station.stored(station.id(name), since=0, to=2 * to)
    times, values, quality = (np.array([row[index] for row in rows], dtype=kind) for index, kind in ((0, np.int64), (1, np.float64), (2, np.int32)))  # fmt: skip
    if resolution is Resolution.HOUR:
        edges = np.arange(since, to + HOUR_MS, HOUR_MS)
    else:
        edges = day_starts("Europe/Berlin", since, to)
    starts, found = summarise(times, values, quality, edges, is_direction=name == WIND)
    chosen = (starts >= since) & (starts < to)
    return {
        int(starts[index]): tuple(none(float(getattr(found, column)[index])) for column in NAMES)
        for index in np.flatnonzero(chosen)
    }


def none(value):
    return None if np.isnan(value) else value


def roll_up(engine):
    """Let everything that is marked be computed, as the server does beside its other work."""
    while True:
        with engine.connect() as connection:
            waiting = read_waiting(connection)
        if not waiting:
            return
        for level in Level:
            starts = [one.start_ms for one in waiting if one.level is level]
            if starts:
                work_off(engine, Unit(level, starts), 100_000)


@pytest.mark.parametrize("rolled_up", [False, True])
@pytest.mark.parametrize("resolution", [Resolution.HOUR, Resolution.DAY])
def test_statistics_are_those_of_the_observations(filled, resolution, rolled_up):
    if rolled_up:
        roll_up(filled.engine)
    query = filled.query(Format.PARQUET, since=FEBRUARY, resolution=resolution)
    filled.export(query)

    rows = pq.ParquetFile(filled.out / "data/year=2026/observations.parquet").read().to_pylist()
    for name in (SOIL, WIND):
        found = {
            round(row["time"].timestamp() * 1000): tuple(row[column] for column in NAMES)
            for row in rows
            if row["datastream"] == name
        }
        expected = wanted(filled, name, resolution, FEBRUARY, APRIL)
        assert found.keys() == expected.keys()
        np.testing.assert_allclose(
            np.array(list(found.values()), dtype=np.float64),
            np.array(list(expected.values()), dtype=np.float64),
            rtol=1e-12,
        )


def test_denser_observations_than_the_interval_says_are_read_in_smaller_slices(
    sqlite_station, monkeypatch
):
    sqlite_station.fill(SOIL, 300, every=HOUR_MS)
    query = sqlite_station.query(Format.PARQUET, resolution=Resolution.DAY)
    sqlite_station.export(query, sqlite_station.out / "whole")
    monkeypatch.setattr("server.store.reading.series.MOST_ROWS", 30)

    sqlite_station.export(query, sqlite_station.out / "sliced")

    whole, sliced = (
        (sqlite_station.out / one / "data/year=2026/observations.parquet").read_bytes()
        for one in ("whole", "sliced")
    )
    assert sliced == whole


def test_days_of_a_station_say_where_they_end(sqlite_station):
    sqlite_station.zone("Europe/Berlin")
    sqlite_station.fill(WIND, 1500, start=MARCH + 20 * 24 * HOUR_MS)
    sqlite_station.export(sqlite_station.query(Format.NETCDF, resolution=Resolution.DAY))

    path = sqlite_station.out / "data/kubuqi-dune/dune-1/dune-1.2026.nc"
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as ds:
        lengths = np.diff(ds.time_bounds.values) // HOUR_MS
        assert ds.time.attrs["bounds"] == "time_bounds"
        assert (ds.time_bounds.values[:, 0] == ds.time.values).all()
        assert set(ds.data_vars) == {
            "time_bounds",
            *(f"wind_direction_weather{one}" for one in ("", "_n", "_n_good", "_last")),
        }
    changed = datetime.fromisoformat("2026-03-29T00:00:00+01:00").timestamp() * 1000
    assert lengths.ravel().tolist() == [
        23 if start == changed else 24 for start in ds.time.values.tolist()
    ]
