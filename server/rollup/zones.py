"""What a rollup must know of a series: whether it is of directions, and when its days begin.

When that changes, what has been computed by it is marked; see `renew`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, delete, func, select, update

from server.db.tables import (
    datastream,
    observation,
    observed_property,
    rollup_day,
    rollup_hour,
    site,
    thing,
)
from server.hypertable import horizon
from server.rollup.days import DEFAULT_ZONE, day_starts, floors, require_zone
from server.rollup.marks import Level, Marked, distinct, mark_grid
from server.rollup.statistics import HOUR_MS, Bools, Int32s, Ints
from server.rollup.turns import be_alone
from wire.properties import Aggregate

_MANY = 5_000


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Buckets in order of series and start: from_ms <= time < to_ms."""

    datastream_id: Int32s
    from_ms: Ints
    to_ms: Ints
    is_direction: Bools

    def __len__(self) -> int:
        """Count the buckets."""
        return len(self.from_ms)

    def where(self, wanted: Bools) -> "Buckets":
        """Give some of the buckets."""
        return Buckets(
            self.datastream_id[wanted],
            self.from_ms[wanted],
            self.to_ms[wanted],
            self.is_direction[wanted],
        )


@dataclass(frozen=True, slots=True)
class Span:
    """A span of measured time: from_ms <= time < to_ms."""

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class _Kind:
    zone: str
    is_direction: bool


def zones_of(connection: Connection, datastream_ids: Sequence[int]) -> dict[int, str]:
    """Map series to the time zones of their sites; what no site has is counted in UTC."""
    return {one: kind.zone for one, kind in _kinds(connection, datastream_ids).items()}


def buckets_of(connection: Connection, level: Level, marked: Marked) -> Buckets:
    """Find out from when to when marked buckets are.

    The mark of a day that is none in its site's zone (any more) is left out: when the zone changed,
    every day was marked anew.
    """
    ids, starts = marked.datastream_id, marked.start_ms
    own = np.unique(ids)
    kinds = _kinds(connection, own.tolist())
    places = np.searchsorted(own, ids)
    is_direction = np.array([kinds[one].is_direction for one in own.tolist()], dtype=np.bool_)
    if level is Level.HOUR:
        return Buckets(ids, starts, starts + HOUR_MS, is_direction[places])
    zones = [kinds[one].zone for one in own.tolist()]
    ends = np.zeros_like(starts)
    for zone in set(zones):
        here = np.array([one == zone for one in zones], dtype=np.bool_)[places]
        ends[here] = _ends(zone, starts[here])
    found = Buckets(ids, starts, ends, is_direction[places])
    return found.where(ends > 0)


def days_over(connection: Connection, hours: Buckets) -> Marked:
    """Give the days that hours lie in: two, where midnight is within the hour."""
    own = np.unique(hours.datastream_id)
    kinds = _kinds(connection, own.tolist())
    ids, starts = [], []
    for zone in {kind.zone for kind in kinds.values()}:
        members = [one for one in own.tolist() if kinds[one].zone == zone]
        here = np.isin(hours.datastream_id, np.array(members, dtype=np.int32))
        for instant in (hours.from_ms[here], hours.to_ms[here] - 1):
            ids.append(hours.datastream_id[here])
            starts.append(floors(zone, instant))
    return distinct(np.concatenate(ids), np.concatenate(starts))


def set_zone(connection: Connection, site_id: int, zone: str) -> None:
    """Let a site's days be those of a time zone from now on, for what is stored as well.

    Raises ConfigError for a zone that is not known.
    """
    require_zone(zone)
    be_alone(connection)
    connection.execute(update(site).where(site.c.id == site_id).values(time_zone=zone))
    things = select(thing.c.id).where(thing.c.site_id == site_id)
    ids = select(datastream.c.id).where(datastream.c.thing_id.in_(things))
    renew(connection, connection.execute(ids).scalars().all())


def move_things(connection: Connection, thing_ids: Sequence[int]) -> None:
    """Have the days of things computed anew that have come to another site."""
    if thing_ids:
        ids = select(datastream.c.id).where(datastream.c.thing_id.in_(thing_ids))
        renew(connection, connection.execute(ids).scalars().all())


def renew(
    connection: Connection, datastream_ids: Sequence[int], *, with_hours: bool = False
) -> None:
    """Have all days of some series computed anew, by what the catalog says of them now.

    Hours as well, where it is no longer the same property that they are of. What is of a time of
    which observations are gone stays as it was.
    """
    if not datastream_ids:
        return
    be_alone(connection)
    raw_ms = horizon.read(connection).get(horizon.Level.RAW, 0)
    zones = zones_of(connection, datastream_ids)
    for zone in sorted(set(zones.values())):
        members = [one for one, own in zones.items() if own == zone]
        span = stored_span(connection, members)
        _drop_days(connection, members, raw_ms)
        if span is None:
            continue
        days = day_starts(zone, max(span.from_ms, raw_ms), span.to_ms)[:-1]
        mark_grid(connection, Level.DAY, members, days[days >= raw_ms])
        if with_hours:
            hours = np.arange(span.from_ms // HOUR_MS * HOUR_MS, span.to_ms, HOUR_MS)
            mark_grid(connection, Level.HOUR, members, hours[hours >= raw_ms])


def stored_span(connection: Connection, datastream_ids: Sequence[int]) -> Span | None:
    """Tell from when to when there is something of some series, rolled up or not."""
    bounds: list[int] = []
    for first in range(0, len(datastream_ids), _MANY):
        some = datastream_ids[first : first + _MANY]
        for column, own in (
            (observation.c.time, observation.c.datastream_id),
            (rollup_hour.c.start, rollup_hour.c.datastream_id),
        ):
            # Each is found at an end of the index; all of them at once would be read through.
            ends = [
                outer(select(inner(column)).where(own == datastream.c.id).scalar_subquery())
                for outer, inner in ((func.min, func.min), (func.max, func.max))
            ]
            row = connection.execute(select(*ends).where(datastream.c.id.in_(some))).one()
            bounds += [instant for instant in row if instant is not None]
    return Span(min(bounds), max(bounds) + 1) if bounds else None


def _drop_days(connection: Connection, datastream_ids: Sequence[int], raw_ms: int) -> None:
    for first in range(0, len(datastream_ids), _MANY):
        some = datastream_ids[first : first + _MANY]
        connection.execute(
            delete(rollup_day).where(
                rollup_day.c.datastream_id.in_(some), rollup_day.c.start >= raw_ms
            )
        )


def _ends(zone: str, starts: Ints) -> Ints:
    """Give when days end that begin at midnight of a zone; 0 for those that do not."""
    if not len(starts):
        return starts
    edges = day_starts(zone, int(starts.min()), int(starts.max()) + 1)
    after = np.searchsorted(edges, starts, side="right")
    return np.where(edges[after - 1] == starts, edges[after], 0)


def _kinds(connection: Connection, datastream_ids: Sequence[int]) -> Mapping[int, _Kind]:
    kinds = dict.fromkeys(datastream_ids, _Kind(DEFAULT_ZONE, is_direction=False))
    for first in range(0, len(datastream_ids), _MANY):
        rows = connection.execute(
            select(datastream.c.id, site.c.time_zone, observed_property.c.aggregate)
            .join(thing, thing.c.id == datastream.c.thing_id)
            .join(site, site.c.id == thing.c.site_id)
            .join(observed_property, observed_property.c.id == datastream.c.observed_property_id)
            .where(datastream.c.id.in_(datastream_ids[first : first + _MANY]))
        )
        for row in rows:
            kinds[row.id] = _Kind(row.time_zone, row.aggregate == Aggregate.VECTOR_MEAN.value)
    return kinds
