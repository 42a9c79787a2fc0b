"""The newest observation of each series, on SQLite and on TimescaleDB."""

import numpy as np
import pytest
from sqlalchemy import insert, select, text

from server.db import tables as t
from server.db.engine import writing
from server.store.latest import ids_of, newest, pick_newest, update_latest
from server.store.port import Columns, LatestRow

NOW = 1_767_225_600_000
HORIZON = NOW + 300_000


@pytest.fixture
def series(engine):
    """Two datastreams, 1 and 2."""
    return with_series(engine)


@pytest.fixture
def timescale_series(timescale_engine):
    """The same, on PostgreSQL only."""
    return with_series(timescale_engine)


def with_series(engine):
    with writing(engine) as c:
        c.execute(insert(t.gateway).values(id="gw", first_seen_at=0))
        c.execute(insert(t.site).values(id=1, key="s", name="s"))
        c.execute(insert(t.thing).values(id=1, gateway_id="gw", key="t", site_id=1, name="t"))
        c.execute(
            insert(t.observed_property).values(
                id=1, key="vwc", label="", unit="m3/m3", aggregate="mean"
            )
        )
        for number in (1, 2):
            c.execute(
                insert(t.datastream).values(
                    id=number,
                    gateway_id="gw",
                    name=f"t/s{number}/vwc",
                    thing_id=1,
                    sensor_key=f"s{number}",
                    observed_property_id=1,
                    unit="m3/m3",
                    statistic="last",
                    interval_s=600,
                )
            )
    return engine


def test_of_several_at_one_instant_the_first_is_the_newest_as_in_the_store():
    columns = Columns(
        datastream_id=np.array([1, 2, 1, 1], dtype=np.int32),
        time_ms=np.array([NOW, NOW, NOW, NOW - 1]),
        value=np.array([0.1, 0.2, 0.3, 0.4]),
        quality=np.ones(4, dtype=np.int32),
    )

    assert [(one.datastream_id, one.value) for one in newest(columns, NOW)] == [(1, 0.1), (2, 0.2)]


def row(time_ms, value=1.0, datastream_id=1):
    quality, reason = (9, "timeout") if value is None else (1, "")
    return LatestRow(datastream_id, time_ms, value, quality, reason, NOW)


def update(engine, *rows):
    with writing(engine) as connection:
        return update_latest(connection, rows, HORIZON)


def stored(engine):
    with engine.connect() as connection:
        found = connection.execute(select(t.latest).order_by(t.latest.c.datastream_id))
        return [LatestRow(*one) for one in found]


def test_the_first_observation_is_the_newest(series):
    assert update(series, row(1000), row(2000, None, 2)) == [row(1000), row(2000, None, 2)]
    assert stored(series) == [row(1000), row(2000, None, 2)]


def test_a_newer_one_takes_its_place_and_an_older_does_not(series):
    update(series, row(2000, 1.0), row(2000, 1.0, 2))

    assert update(series, row(3000, 2.0), row(1000, 2.0, 2)) == [row(3000, 2.0)]
    assert stored(series) == [row(3000, 2.0), row(2000, 1.0, 2)]


def test_the_same_instant_again_changes_nothing(series):
    update(series, row(2000, 1.0))

    assert update(series, row(2000, 5.0)) == []
    assert stored(series) == [row(2000, 1.0)]


def test_a_gap_is_the_newest_when_it_came_last(series):
    update(series, row(2000, 1.0))

    assert update(series, row(3000, None)) == [row(3000, None)]


def test_a_clock_that_ran_ahead_does_not_hide_what_comes_after_it_was_set(series):
    update(series, row(HORIZON + 86_400_000, 1.0))

    assert update(series, row(NOW, 2.0)) == [row(NOW, 2.0)]


def test_no_rows_are_no_statement(series):
    assert update(series) == []


def test_the_newest_of_each_series_is_picked_from_columns_in_any_order():
    columns = Columns(
        np.array([2, 1, 2, 1], dtype=np.int32),
        np.array([5000, 3000, 9000, 1000], dtype=np.int64),
        np.array([1.5, 2.5, np.nan, 4.5]),
        np.array([1, 3, 9, 1], dtype=np.int32),
        {2: "timeout"},
    )

    assert newest(columns, NOW) == [
        LatestRow(1, 3000, 2.5, 3, "", NOW),
        LatestRow(2, 9000, None, 9, "timeout", NOW),
    ]


def test_the_newest_of_nothing_is_nothing():
    empty = Columns(
        np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int32)
    )

    assert newest(empty, NOW) == []


def test_of_many_each_goes_its_way(series):
    """Newer, new, and older in one statement; only what was kept is told."""
    update(series, row(2000, 1.0))
    assert update(series, row(3000, 2.0), row(500, 7.0, 2)) == [row(3000, 2.0), row(500, 7.0, 2)]

    assert update(series, row(1000, 9.0), row(600, None, 2)) == [row(600, None, 2)]
    assert stored(series) == [row(3000, 2.0), row(600, None, 2)]


def test_an_older_row_leaves_the_newer_one_untouched(timescale_series):
    """It is not even locked: each lock would be a write to a table that is written all the time."""
    version = text("SELECT ctid::text, xmin::text, xmax::text FROM latest")
    update(timescale_series, row(2000, 1.0))
    with timescale_series.connect() as connection:
        before = connection.execute(version).one()

    assert update(timescale_series, row(1000, 2.0)) == []
    with timescale_series.connect() as connection:
        assert connection.execute(version).one() == before


def test_rows_are_made_when_somebody_looks():
    columns = Columns(
        np.array([7, 8], dtype=np.int32), np.array([NOW, NOW]), np.ones(2), np.ones(2, np.int32)
    )
    lazy = pick_newest(columns, NOW).lazy()

    assert (len(lazy), ids_of(lazy), lazy._rows) == (2, [7, 8], None)
    assert list(lazy) == newest(columns, NOW) == lazy[:]
    assert ids_of(list(lazy)) == [7, 8]


def test_where_rows_are_written_anew_pages_have_room(timescale_engine):
    found = text("SELECT reloptions FROM pg_class WHERE oid = 'latest'::regclass")
    with timescale_engine.connect() as connection:
        assert connection.execute(found).scalar_one() == ["fillfactor=50"]
