"""Every number and reason in the files is the stored one, on both databases."""

import csv
import gzip
import io
from datetime import datetime

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from server.db import tables as t
from server.db.engine import writing
from server.export.query import Format

JANUARY, MARCH, APRIL = 1_767_225_600_000, 1_772_323_200_000, 1_775_001_600_000
SOIL = "dune-1/soil-10cm/vwc_raw"
RAIN = "dune-1/weather/rain"
FLAGS = {"pass": 1, "not_evaluated": 2, "suspect": 3, "fail": 4, "missing": 9}
TESTS = {"gross_range": 16, "clock_unknown": 32, "future_time": 64, "edge": 128}


def from_csv(out, station, names):
    found = {}
    for name in names:
        thing, sensor, prop = name.split("/")
        rows = []
        for path in sorted((out / "data/kubuqi-dune" / thing).glob(f"{sensor}.{prop}.*.csv*")):
            data = path.read_bytes()
            text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
            rows += list(csv.DictReader(io.StringIO(text, newline="")))
        found[name] = [
            (
                ms(row["time"]),
                float(row["value"]) if row["value"] else None,
                FLAGS[row["flag"]] | sum(TESTS[word] for word in row["tests"].split()),
                row["reason"].removeprefix("'"),
            )
            for row in rows
        ]
        assert all(ms(row["time"]) == ms(row["local_time"]) for row in rows)
    return found


def ms(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def from_parquet(out, station, names):
    rows = []
    for path in sorted((out / "data").rglob("*.parquet")):
        rows += pq.ParquetFile(path).read().to_pylist()
    return {
        name: [
            (
                round(row["time"].timestamp() * 1000),
                row["value"],
                row["flag"] | row["tests"],
                row["reason"] or "",
            )
            for row in rows
            if row["datastream_id"] == station.id(name)
        ]
        for name in names
    }


def from_netcdf(out, station, names):
    found = {name: [] for name in names}
    for path in sorted((out / "data").rglob("*.nc")):
        with xr.open_dataset(
            path, engine="h5netcdf", decode_times=False, mask_and_scale=False
        ) as ds:
            for name in names:
                _thing, sensor, prop = name.split("/")
                base = f"{prop}_{sensor.replace('-', '_')}"
                if base in ds:
                    found[name] += list(station_rows(ds, base))
    return found


def station_rows(ds, base):
    flags = ds[f"{base}_flag"].values
    for index in np.flatnonzero(flags != -127):
        value = float(ds[base].values[index])
        reason = int(ds[f"{base}_reason"].values[index]) if f"{base}_reason" in ds else -1
        yield (
            int(ds["time"].values[index]),
            None if np.isnan(value) else value,
            int(flags[index]) | int(ds[f"{base}_tests"].values[index]),
            str(ds["reason_text"].values[reason]) if reason >= 0 else "",
        )


READERS = {Format.CSV: from_csv, Format.PARQUET: from_parquet, Format.NETCDF: from_netcdf}

instants = st.one_of(
    st.integers(JANUARY, APRIL - 1),
    st.sampled_from([JANUARY, JANUARY + 1, MARCH - 1, MARCH, APRIL - 1]),
)
qualities = st.sampled_from([1, 2, 3, 4, 4 | 16, 3 | 32, 3 | 32 | 64, 1 | 128])
values = st.floats(allow_nan=False, allow_infinity=False)
reasons = st.sampled_from(
    ["timeout", "too few samples (2 of 10)", "=HYPERLINK(1)", 'a "b", c', "沙"]
)
present = st.tuples(instants, values, qualities, st.just(""))
missing = st.tuples(instants, st.none(), st.sampled_from([9, 9 | 32]), reasons | st.just(""))
series = st.lists(st.one_of(present, missing), max_size=12, unique_by=lambda row: row[0])


@pytest.mark.parametrize("fmt", list(Format))
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(soil=series, rain=series, gzipped=st.booleans())
def test_files_hold_exactly_what_a_select_finds(
    station, tmp_path_factory, fmt, soil, rain, gzipped
):
    with writing(station.engine) as connection:
        connection.execute(delete(t.observation_note))
        connection.execute(delete(t.observation))
    for name, rows in ((SOIL, soil), (RAIN, rain)):
        if rows:
            station.store(name, rows)
    out = tmp_path_factory.mktemp("out")

    query = station.query(fmt, gzip=gzipped and fmt is Format.CSV)
    manifest = station.export(query, out)

    found = READERS[fmt](out, station, [SOIL, RAIN])
    assert found == {name: station.stored(station.id(name)) for name in (SOIL, RAIN)}
    assert manifest.rows == len(soil) + len(rain)


@pytest.mark.parametrize("fmt", list(Format))
def test_more_rows_than_a_block_are_all_there(sqlite_station, tmp_path, fmt, monkeypatch):
    """Blocks, groups of rows and chunks of lines join without a row lost or doubled."""
    monkeypatch.setattr("server.export.reading.BLOCK_ROWS", 1000)
    sqlite_station.fill(SOIL, 10_000)
    sqlite_station.fill(RAIN, 3000, start=JANUARY + 1, every=1)
    sqlite_station.export(sqlite_station.query(fmt), tmp_path / "out")

    found = READERS[fmt](tmp_path / "out", sqlite_station, [SOIL, RAIN])
    assert found == {name: sqlite_station.stored(sqlite_station.id(name)) for name in (SOIL, RAIN)}


@pytest.mark.parametrize("fmt", list(Format))
def test_what_lies_outside_the_span_is_left_out(sqlite_station, tmp_path, fmt):
    sqlite_station.store(
        SOIL, [(JANUARY - 1, 1.0, 1, ""), (JANUARY, 2.0, 1, ""), (MARCH, 3.0, 1, "")]
    )
    sqlite_station.store(RAIN, [(JANUARY, 4.0, 1, "")])
    query = sqlite_station.query(fmt, to=MARCH)
    sqlite_station.export(query, tmp_path / "out")

    found = READERS[fmt](tmp_path / "out", sqlite_station, [SOIL])
    assert found == {SOIL: [(JANUARY, 2.0, 1, "")]}


@pytest.mark.parametrize("fmt", list(Format))
def test_both_databases_give_the_same_files(sqlite_station, timescale_engine, tmp_path, fmt):
    other = type(sqlite_station)(timescale_engine, tmp_path / "other")
    for station in (sqlite_station, other):
        station.fill(SOIL, 300)
        station.fill(RAIN, 300)
    found = [
        [(part.path, part.sha256) for part in station.export(station.query(fmt)).parts]
        for station in (sqlite_station, other)
    ]

    assert found[0] == found[1]
    assert len(found[0]) > 0
