"""Shares of all series, from the rollups of a database."""

from itertools import count

import numpy as np
import pytest
from sqlalchemy import insert, update

from server.completeness.keeper import LIFETIME_MS, ShareKeeper
from server.completeness.reading import read_shares
from server.db import tables as t
from server.db.engine import writing
from server.rollup.marks import Level, mark_grid, mark_hours
from tests.server.api.factory import HOUR, NOW, Catalog, teros

# 07:00 UTC; the hour before is counted from five minutes past seven on.
LATER = NOW + 5 * 60_000
DAY = 24 * HOUR
MIDNIGHT = NOW - 7 * HOUR
RAW = "dune-1/soil-10cm/vwc_raw"


@pytest.fixture
def fill(engine):
    """One soil sensor by the ten minutes, and counts of its raw series by the start of a bucket."""

    def start(hours=None, days=None, zone="UTC") -> int:
        with writing(engine) as connection:
            catalog = Catalog(connection)
            catalog.gateway("gw")
            catalog.thing("gw", catalog.site("north", "North"), "dune-1", "Dune 1")
            catalog.sensor("gw", "dune-1", teros(10), interval_s=600)
            connection.execute(update(t.site).values(time_zone=zone))
            for table, counts in ((t.rollup_hour, hours or {}), (t.rollup_day, days or {})):
                for at, n in counts.items():
                    row = {"datastream_id": catalog.ids[RAW], "start": at, "n": n, "n_good": 0}
                    connection.execute(insert(table).values(row))
        return catalog.ids[RAW]

    return start


def read(engine, now=LATER):
    with engine.connect() as connection:
        return read_shares(connection, now)


def whole(count, *, before=NOW, step=HOUR, n=6):
    return {before - (at + 1) * step: n for at in range(count)}


def test_what_is_all_there_is_a_hundred(engine, fill):
    id_ = fill(hours=whole(30))

    day = read(engine)[id_].day

    assert (day.values, day.expected, day.percent) == (144, 144, 100.0)
    assert (day.window.from_ms, day.window.to_ms) == (NOW - DAY, NOW)


def test_a_night_without_readings_is_missed(engine, fill):
    hours = whole(30)
    for at in range(10, 16):
        del hours[NOW - at * HOUR]

    id_ = fill(hours=hours)

    assert read(engine)[id_].day.percent == 75.0


def test_what_waits_to_be_computed_is_neither_there_nor_missing(engine, fill):
    """Six hours of rollups are not there yet, and one that is there may be out of date."""
    hours = whole(30)
    for at in range(10, 16):
        del hours[NOW - at * HOUR]
    hours[NOW - 3 * HOUR] = 1
    id_ = fill(hours=hours)
    marked = [NOW - at * HOUR + 1 for at in (3, *range(10, 16))]

    with writing(engine) as connection:
        ids = np.full(len(marked), id_, dtype=np.int32)
        mark_hours(connection, ids, np.array(marked, dtype=np.int64))

    day = read(engine)[id_].day
    assert (day.values, day.expected) == (17 * 6, 17 * 6)


def test_while_most_waits_nothing_is_said(engine, fill):
    id_ = fill(hours=whole(30))
    marked = np.array([NOW - at * HOUR for at in range(1, 15)], dtype=np.int64)

    with writing(engine) as connection:
        mark_hours(connection, np.full(len(marked), id_, dtype=np.int32), marked)

    assert read(engine)[id_].day is None


def test_days_that_wait_are_left_out_by_their_own_length(engine, fill):
    id_ = fill(hours=whole(30), days=whole(40, before=MIDNIGHT, step=DAY, n=144))
    waits = [MIDNIGHT - 2 * DAY, MIDNIGHT - 5 * DAY]
    with writing(engine) as connection:
        mark_grid(connection, Level.DAY, [id_], np.array(waits, dtype=np.int64))

    month = read(engine)[id_].month
    assert (month.values, month.expected) == (28 * 144, 28 * 144)


def test_before_its_first_reading_nothing_was_to_be_expected(engine, fill):
    """Nor do we know when in its first hour a series began."""
    id_ = fill(hours={NOW - 5 * HOUR: 2} | whole(4))

    day = read(engine)[id_].day

    assert (day.values, day.expected) == (24, 24)
    assert day.window.from_ms == NOW - 4 * HOUR


def test_a_series_of_this_hour_has_no_share_yet(engine, fill):
    id_ = fill(hours={NOW - HOUR: 1})

    assert read(engine)[id_].day is None


def test_a_month_is_of_the_days_of_the_site(engine, fill):
    shanghai = MIDNIGHT - 8 * HOUR
    id_ = fill(
        hours=whole(1, before=NOW - 40 * DAY),
        days={shanghai - (at + 1) * DAY: 144 for at in range(0, 40, 2)} | {shanghai: 5},
        zone="Asia/Shanghai",
    )

    month = read(engine)[id_].month

    assert (month.values, month.expected, month.percent) == (15 * 144, 30 * 144, 50.0)
    assert month.window.to_ms == shanghai


def test_of_the_day_a_series_began_on_only_the_rest_was_to_be_expected(engine, fill):
    days = {MIDNIGHT - 3 * DAY: 9, MIDNIGHT - 2 * DAY: 144, MIDNIGHT - DAY: 72}
    id_ = fill(hours={MIDNIGHT - 3 * DAY: 9}, days=days)

    month = read(engine)[id_].month

    assert (month.values, month.expected) == (216, 288)


def test_a_sensor_that_has_left_lacks_nothing(engine, fill):
    id_ = fill(hours=whole(3, before=NOW - 20 * HOUR))
    with writing(engine) as connection:
        connection.execute(update(t.deployment).values(until=NOW - 20 * HOUR))

    assert id_ not in read(engine)


def test_a_series_without_a_reading_has_none(engine, fill):
    assert fill() not in read(engine)


def test_they_are_read_once_a_minute(sqlite_engine):
    keeper = ShareKeeper(monotonic=lambda: 0.0)
    with sqlite_engine.connect() as connection:
        first = keeper.read(connection, NOW)

        assert keeper.read(connection, NOW + LIFETIME_MS - 1) is first
        assert keeper.read(connection, NOW + LIFETIME_MS) is not first


def test_what_takes_long_to_read_is_read_more_rarely(sqlite_engine):
    """Two seconds: then at most every 200."""
    keeper = ShareKeeper(monotonic=count(step=2.0).__next__)
    with sqlite_engine.connect() as connection:
        first = keeper.read(connection, NOW)

        assert keeper.read(connection, NOW + 199_999) is first
        assert keeper.read(connection, NOW + 200_000) is not first


def test_while_one_reads_the_others_go_on_with_what_was_read(sqlite_engine):
    with sqlite_engine.connect() as connection:
        seen = []

        def monotonic():
            """What another thread is told while the shares are read."""
            if started:
                seen.append(keeper.read(connection, NOW + 2 * LIFETIME_MS))
            return 0.0

        started = []
        keeper = ShareKeeper(monotonic)
        first = keeper.read(connection, NOW)
        started.append(True)

        keeper.read(connection, NOW + 2 * LIFETIME_MS)

    assert [one is first for one in seen] == [True, True]  # as it began, and as it ended
