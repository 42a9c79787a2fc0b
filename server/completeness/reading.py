"""Counts the values of all series, hour by hour and day by day, from what the rollups say."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    ScalarSelect,
    Table,
    and_,
    func,
    select,
)

from server.completeness.shares import Shares, Window, last_days, last_hours, share
from server.db.tables import datastream, deployment, rollup_day, rollup_hour, site, thing
from server.rollup.days import day_starts
from server.rollup.marks import Level
from server.rollup.statistics import HOUR_MS
from server.store.reading.marked import read_marked_starts


def read_shares(connection: Connection, now_ms: int) -> dict[int, Shares]:
    """Read the shares of all series of sensors that stand somewhere."""
    zones = connection.execute(select(site.c.time_zone).distinct()).scalars().all()
    found: dict[int, Shares] = {}
    for zone in zones:
        found |= _read(connection, zone, now_ms)
    return found


def _read(connection: Connection, zone: str, now_ms: int) -> dict[int, Shares]:
    hours, days = last_hours(now_ms), last_days(zone, now_ms)
    streams = _streams(zone)
    # What waits to be computed anew counts neither as there nor as missing.
    waits_h = read_marked_starts(connection, Level.HOUR, hours.from_ms, hours.to_ms)
    waits_d = read_marked_starts(connection, Level.DAY, days.from_ms, days.to_ms)
    rows = connection.execute(
        select(
            *(streams.c.id, streams.c.interval_s, streams.c.first_hour, streams.c.first_day),
            _count(rollup_hour, streams, streams.c.first_hour, hours, waits_h).label("hourly"),
            _count(rollup_day, streams, streams.c.first_day, days, waits_d).label("daily"),
        )
    )
    # Of the day a series began on, only the rest was to be expected, and who knows when it began.
    edges = day_starts(zone, days.from_ms, days.to_ms)
    out: dict[int, Shares] = {}
    for id_, interval_s, first_hour, first_day, hourly, daily in rows:
        if first_hour is None:
            continue
        window = _since(hours, first_hour + HOUR_MS, first_hour)
        day = share(hourly, interval_s, window, _hours_of(window, waits_h))
        month = None
        if first_day is not None:
            after = int(edges[min(np.searchsorted(edges, first_day, "right"), len(edges) - 1)])
            window = _since(days, after, first_day)
            month = share(daily, interval_s, window, _days_of(window, waits_d, edges))
        out[id_] = Shares(day, month)
    return out


def _hours_of(window: Window, starts: Sequence[int]) -> int:
    """Give how long those hours are together that begin in a window."""
    return HOUR_MS * sum(window.from_ms <= one < window.to_ms for one in starts)


def _days_of(window: Window, starts: Sequence[int], edges: NDArray[np.int64]) -> int:
    """Do the same with days, which begin at `edges`."""
    inside = [one for one in starts if window.from_ms <= one < window.to_ms]
    after = np.append(edges, window.to_ms)[np.searchsorted(edges, inside, "right")]
    return int(after.sum()) - sum(inside)


def _since(window: Window, begin_ms: int, first_ms: int) -> Window:
    """Cut off what lies before a series began: its first bucket counts only if it is older."""
    if first_ms < window.from_ms:
        return window
    return replace(window, from_ms=min(begin_ms, window.to_ms))


def _streams(zone: str) -> CTE:
    """Give the series of sensors that stand somewhere, and when the rollups of each begin."""
    place = deployment.c
    stands = and_(
        place.thing_id == datastream.c.thing_id,
        place.key == datastream.c.sensor_key,
        place.until.is_(None),
    )
    return (
        select(
            datastream.c.id,
            datastream.c.interval_s,
            _first(rollup_hour).label("first_hour"),
            _first(rollup_day).label("first_day"),
        )
        .join(thing, thing.c.id == datastream.c.thing_id)
        .join(site, site.c.id == thing.c.site_id)
        .where(site.c.time_zone == zone, select(place.id).where(stands).exists())
        # Else PostgreSQL looks for the first bucket again at each bucket that it counts.
        .cte("streams")
    )


def _first(table: Table) -> ScalarSelect[Any]:
    own = table.c.datastream_id == datastream.c.id
    return select(func.min(table.c.start)).where(own).correlate(datastream).scalar_subquery()


def _count(
    table: Table,
    streams: FromClause,
    first: ColumnElement[Any],
    window: Window,
    waits: Sequence[int],
) -> ColumnElement[int]:
    """Count the values in a range of time, but for the bucket a series began in and what waits."""
    start = table.c.start
    counted = select(func.sum(table.c.n)).where(
        table.c.datastream_id == streams.c.id,
        start >= window.from_ms,
        start < window.to_ms,
        start > first,
        start.not_in(waits),
    )
    return func.coalesce(counted.correlate(streams).scalar_subquery(), 0)
