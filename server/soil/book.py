"""What was said of soils, as the database keeps it: of a site or a thing, of layers or the rest."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, null, select, union_all

from server.db.deployments import stands_now
from server.db.members import among
from server.db.tables import datastream, deployment, site, soil, thing
from server.soil.ground import (
    ASSUMED,
    Ground,
    Layer,
    Profile,
    Said,
    Soils,
    ground_of,
    with_layer,
)

WATER = ("wilting_point", "field_capacity", "saturation")
_FIELDS = ("sand", "clay", "organic_percent", *WATER)


@dataclass(frozen=True, slots=True)
class Where:
    """Whose soil it is, a site's or a thing's, and from which depth to before which (m)."""

    site_id: int | None = None
    thing_id: int | None = None
    from_m: float | None = None
    to_m: float | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """The soil of a place, and when that was said (ms UTC), None where it is assumed.

    `thing` and `gateway` are None for what is of a site.
    """

    site: str
    gateway: str | None
    thing: str | None
    layer: Layer
    said_at: int | None


def read_soils(connection: Connection, gateway_ids: Sequence[str]) -> dict[str, Soils]:
    """Read what holds for gateways: one question, however many there are."""
    by_site: dict[str, tuple[Layer, ...]] = {}
    by_thing: dict[str, dict[str, tuple[Layer, ...]]] = {one: {} for one in gateway_ids}
    here = among(connection, thing.c.gateway_id, gateway_ids)
    of_things = select(soil, site.c.key, thing.c.gateway_id, thing.c.key.label("thing"))
    of_things = of_things.join(thing, thing.c.id == soil.c.thing_id).where(here)
    of_sites = select(soil, site.c.key, null(), null()).join(site, site.c.id == soil.c.site_id)
    # Two parts, each by its index: of soils there may be as many as there are things.
    found = union_all(of_things.outerjoin(site, site.c.id == soil.c.site_id), of_sites)
    for row in sorted(connection.execute(found), key=attrgetter("id")):
        if row.thing_id is None:
            by_site[row.key] = (*by_site.get(row.key, ()), _layer(row))
        else:
            things = by_thing[row.gateway_id]
            things[row.thing] = (*things.get(row.thing, ()), _layer(row))
    return {one: Soils(by_site, things) for one, things in by_thing.items()}


def read_site_profile(connection: Connection, site_id: int) -> Profile:
    """Read what was said of a site as a whole."""
    rows = connection.execute(select(soil).where(soil.c.site_id == site_id))
    return Profile(site=tuple(_layer(row) for row in rows))


def read_site_ground(connection: Connection, site_id: int) -> Ground:
    """Tell what soil a site is of, where nothing nearer is said."""
    return read_site_profile(connection, site_id).at(None)


def read_profiles(connection: Connection, gateway_ids: Sequence[str]) -> dict[int, Profile]:
    """Read what was said of the soil of each thing, by its id."""
    soils = read_soils(connection, gateway_ids)
    rows = connection.execute(
        select(thing.c.id, thing.c.gateway_id, thing.c.key, site.c.key.label("site"))
        .join(site, site.c.id == thing.c.site_id)
        .where(among(connection, thing.c.gateway_id, gateway_ids))
    )
    return {row.id: soils[row.gateway_id].profile(row.site, row.key) for row in rows}


def grounds_of(connection: Connection, datastream_ids: Sequence[int]) -> dict[int, Ground]:
    """Tell of datastreams, some thousands at most, in which soil their sensors are now."""
    rows = connection.execute(
        select(
            *(datastream.c.id, datastream.c.gateway_id, datastream.c.thing_id),
            deployment.c.depth_m,
        )
        .outerjoin(deployment, stands_now())
        .where(datastream.c.id.in_(datastream_ids))
    ).all()
    profiles = read_profiles(connection, sorted({row.gateway_id for row in rows}))
    return {row.id: profiles[row.thing_id].at(row.depth_m) for row in rows}


def read_entries(connection: Connection, only: str | None = None) -> list[Entry]:
    """Read the soils of a site, by its key, or of all, by site, thing and depth.

    Of each site there is one for what nothing else is said of, if need be an assumed one.
    """
    rows = connection.execute(
        select(soil, site.c.key, thing.c.gateway_id, thing.c.key.label("thing"))
        .outerjoin(thing, thing.c.id == soil.c.thing_id)
        .join(site, site.c.id == func.coalesce(soil.c.site_id, thing.c.site_id))
    )
    found = [
        Entry(row.key, row.gateway_id, row.thing, _layer(row), row.said_at)
        for row in rows
        if only in (None, row.key)
    ]
    whole = {one.site for one in found if one.thing is None and not one.layer.is_layer}
    sites = connection.execute(select(site.c.key)).scalars().all()
    found += [
        Entry(key, None, None, Layer(ASSUMED), None)
        for key in sites
        if key not in whole and only in (None, key)
    ]
    return sorted(found, key=_place)


def say(connection: Connection, where: Where, said: Said, now_ms: int) -> Ground:
    """Keep what is said of a place, in the place of what was said of the same; gives its soil.

    Raises ConfigError for what cannot be, or a layer that overlaps another of that place.
    """
    ground = ground_of(said)
    there = [_layer(row) for row in connection.execute(select(soil).where(_own(where)))]
    with_layer(there, Layer(ground, where.from_m, where.to_m))
    forget(connection, where)
    values = {**asdict(where), **asdict(said), "said_at": now_ms}
    connection.execute(insert(soil).values(values))
    return ground


def read_said(connection: Connection, where: Where) -> Said | None:
    """Read what was said of just these depths of a place; None for nothing."""
    row = connection.execute(select(soil).where(_same(where))).first()
    return None if row is None else _said(row)


def forget(connection: Connection, where: Where) -> bool:
    """Forget what was said of a place; tells whether anything was."""
    return connection.execute(delete(soil).where(_same(where))).rowcount > 0


def _same(where: Where) -> Any:
    return (
        soil.c.from_m.is_not_distinct_from(where.from_m)
        & soil.c.to_m.is_not_distinct_from(where.to_m)
        & _own(where)
    )


def _own(where: Where) -> Any:
    if where.thing_id is not None:
        return soil.c.thing_id == where.thing_id
    return soil.c.site_id == where.site_id


def _said(row: Row[Any]) -> Said:
    return Said(*(getattr(row, name) for name in _FIELDS))


def _layer(row: Row[Any]) -> Layer:
    return Layer(ground_of(_said(row)), row.from_m, row.to_m)


def _place(entry: Entry) -> tuple[str, str, str, bool, float]:
    layer = entry.layer
    begin = 0.0 if layer.from_m is None else layer.from_m
    return entry.site, entry.gateway or "", entry.thing or "", layer.is_layer, begin
