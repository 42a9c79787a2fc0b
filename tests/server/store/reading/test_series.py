"""Which buckets are not taken from a rollup, each by itself, and where the range cuts one."""

import numpy as np
import pytest

from server.db.engine import writing
from server.db.tables import retention_horizon, rollup_day, rollup_hour
from server.rollup.days import day_starts
from server.rollup.marks import Level, mark
from server.rollup.worker import Workshop, anything
from server.rollup.zones import set_zone
from server.store.engines import store_for
from server.store.reading import series
from server.store.reading.raw import TooManyError
from server.store.reading.series import Limits, Span, Wanted, read_buckets, read_observed
from tests.server.rollup.brute import midnight
from tests.server.rollup.conftest import SCALAR, furnish
from tests.server.rollup.test_any_sequence import columns

HOUR, DAY = 3_600_000, 86_400_000
START = 20_000 * DAY
LATE = START + 1000 * DAY


@pytest.fixture
def site(engine):
    """Two days, two values an hour (n and n + 100 in hour n), all rolled up."""
    furnish(engine, ("Asia/Kolkata", "Europe/Berlin"))
    rows = [
        (SCALAR, START + hour * HOUR + half * HOUR // 2, float(hour + 100 * half), 1)
        for hour in range(48)
        for half in (0, 1)
    ]
    append(engine, rows)
    finish(engine)
    return engine


def append(engine, rows):
    with writing(engine) as connection:
        store_for(engine).append(connection, columns(rows))


def finish(engine):
    workshop = Workshop(engine, lambda: LATE, is_due=anything)
    while workshop.step():
        pass


def spoil(engine, table):
    """Let every rollup say something else: who reads one gets -1."""
    with writing(engine) as connection:
        connection.execute(table.update().values(min=-1.0, sum=-1.0, n_good=1))


def hours(engine, from_ms, to_ms, limits=Limits(LATE)):  # noqa: B008 - frozen
    edges = np.arange(from_ms // HOUR, -(-to_ms // HOUR) + 1, dtype=np.int64) * HOUR
    wanted = [Wanted(SCALAR, is_direction=False, edges_ms=edges)]
    with engine.connect() as connection:
        found = read_buckets(connection, Level.HOUR, wanted, Span(from_ms, to_ms), limits)
    return lows(found[SCALAR])


def days(engine, zone, from_ms, to_ms, limits=Limits(LATE)):  # noqa: B008 - frozen
    wanted = [Wanted(SCALAR, is_direction=False, edges_ms=day_starts(zone, from_ms, to_ms))]
    with engine.connect() as connection:
        found = read_buckets(connection, Level.DAY, wanted, Span(from_ms, to_ms), limits)
    return lows(found[SCALAR])


def lows(buckets):
    return dict(zip(buckets.start_ms.tolist(), buckets.summary.min.tolist(), strict=True))


def test_whole_hours_are_read_from_their_rollups(site):
    spoil(site, rollup_hour)

    assert set(hours(site, START, START + 48 * HOUR).values()) == {-1.0}


def test_an_hour_that_the_range_cuts_is_computed_from_what_lies_in_it(site):
    spoil(site, rollup_hour)

    found = hours(site, START + HOUR // 2, START + 3 * HOUR + HOUR // 2)

    assert found == {
        START: 100.0,
        START + HOUR: -1.0,
        START + 2 * HOUR: -1.0,
        START + 3 * HOUR: 3.0,
    }


def test_a_marked_hour_is_computed_from_the_observations(site):
    spoil(site, rollup_hour)
    append(site, [(SCALAR, START + 5 * HOUR + 1, 0.5, 1)])

    found = hours(site, START, START + 48 * HOUR)

    assert found.pop(START + 5 * HOUR) == 0.5
    assert set(found.values()) == {-1.0}


def test_the_newest_hours_are_computed_from_the_observations_marked_or_not(site):
    spoil(site, rollup_hour)

    found = hours(site, START, START + 48 * HOUR, Limits(START + 48 * HOUR))

    assert [found[START + hour * HOUR] for hour in (45, 46, 47)] == [-1.0, 46.0, 47.0]


def test_where_observations_are_gone_a_bucket_is_told_whole(site):
    spoil(site, rollup_hour)
    append(site, [(SCALAR, START + 1, 0.5, 1)])

    found = hours(site, START + 1, START + 2 * HOUR, Limits(LATE, horizon_ms=START + HOUR))

    assert found == {START: -1.0, START + HOUR: -1.0}


def test_a_marked_hour_touches_both_days_that_it_lies_in(site):
    """Midnight in Kolkata is at 18:30 UTC: what comes at 18:45 belongs to the day after."""
    midnight_ms = midnight(START + DAY, "Asia/Kolkata")
    append(site, [(SCALAR, midnight_ms + HOUR // 4, -7.0, 1)])

    found = days(site, "Asia/Kolkata", START, START + 2 * DAY)

    assert found[midnight_ms] == -7.0


def test_days_of_another_zone_are_no_days_of_this_one(site):
    """Until the worker has come to them: their marks are there, their rollups still are, too."""
    spoil(site, rollup_day)
    with writing(site) as connection:
        set_zone(connection, 1, "Europe/Berlin")

    found = days(site, "Europe/Berlin", START, START + 2 * DAY)

    assert -1.0 not in found.values()
    assert set(found) <= set(day_starts("Europe/Berlin", START, START + 2 * DAY).tolist())


def test_more_observations_than_may_be_read_are_refused_with_a_remedy(site):
    with site.connect() as connection:
        assert len(read_observed(connection, [SCALAR], Span(START, LATE), 96).time_ms) == 96
        with pytest.raises(TooManyError, match=r"More than 95 .*resolution=hour"):
            read_observed(connection, [SCALAR], Span(START, LATE), 95)


def test_the_horizon_is_read_by_level(engine):
    from server.store.reading.rollups import Horizons, read_horizons

    with writing(engine) as connection:
        assert read_horizons(connection) == Horizons(0, 0)
        rows = [{"level": "raw", "before": 5000}, {"level": "hour", "before": 3000}]
        connection.execute(retention_horizon.insert(), rows)

        assert read_horizons(connection) == Horizons(5000, 3000)


def test_days_before_the_horizon_are_those_of_the_zone_that_the_site_had(site):
    """Nothing of them can be computed for another zone (decision 0017)."""
    horizon_ms = midnight(START + DAY, "Asia/Kolkata") + 1
    before = days(site, "Asia/Kolkata", START - DAY, START + 3 * DAY)
    kept = {start for start in before if start < horizon_ms}
    with writing(site) as connection:
        rows = {"level": "raw", "before": horizon_ms}
        connection.execute(retention_horizon.insert(), rows)
        set_zone(connection, 1, "Europe/Berlin")

    limits = Limits(LATE, horizon_ms)
    found = days(site, "Europe/Berlin", START - DAY, START + 3 * DAY, limits)

    edges = set(day_starts("Europe/Berlin", START - DAY, START + 3 * DAY).tolist())
    assert len(kept) == 2
    assert {start for start in found if start < horizon_ms} == kept
    assert {start: found[start] for start in kept} == {start: before[start] for start in kept}
    assert {start for start in found if start >= horizon_ms} <= edges
    assert max(found) >= horizon_ms


@pytest.mark.parametrize("level", Level)
def test_a_mark_of_another_series_makes_no_day_doubtful(site, level):
    """A day takes many observations: an import for one station must not make all others slow."""
    spoil(site, rollup_day)
    with writing(site) as connection:
        start = midnight(START + DAY, "Asia/Kolkata") + (HOUR // 2 if level is Level.HOUR else 0)
        other = np.array([SCALAR + 1], dtype=np.int32)
        mark(connection, level, other, np.array([start], dtype=np.int64))

    found = days(site, "Asia/Kolkata", START - DAY, START + 3 * DAY)

    assert set(found.values()) == {-1.0}


def test_who_asked_for_hours_already_is_told_to_wait_for_them(site, monkeypatch):
    monkeypatch.setattr(series, "MOST_ROWS", 1)
    append(site, [(SCALAR, START + 5 * HOUR + 1, 0.5, 1)])

    with pytest.raises(TooManyError, match=r"or wait: .*saxaul-server rollup") as caught:
        hours(site, START, START + 48 * HOUR)

    assert "resolution=" not in str(caught.value)
