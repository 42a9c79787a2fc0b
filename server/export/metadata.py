"""What is known of a site, its things, instruments and series: read once for an export."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from server.db import tables as t


@dataclass(frozen=True, slots=True)
class Place:
    """Where a thing stood since an instant: degrees WGS 84, metres above sea level."""

    lat: float
    lon: float
    elevation_m: float | None
    since_ms: int


@dataclass(frozen=True, slots=True)
class Instrument:
    """A physical instrument at its place, from an instant to another (None: until now)."""

    model: str
    serial: str
    firmware: str
    depth_m: float | None
    height_m: float | None
    since_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Thing:
    """A station. `places` are in order of time; the last is the present one."""

    id: int
    gateway: str
    key: str
    name: str
    description: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """A datastream: what is measured, where, with which instruments. `unit` is a UCUM code."""

    id: int
    name: str
    thing: Thing
    sensor: str
    property: str
    label: str
    cf_name: str | None
    unit: str
    statistic: str
    aggregate: str
    interval_s: float
    derived_from: str | None
    transform: str | None
    instruments: tuple[Instrument, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A site and all its series, by gateway and name."""

    key: str
    name: str
    time_zone: str
    series: tuple[Series, ...]


def read_site(connection: Connection, key: str) -> Site | None:
    """Read everything known of a site; None when there is no such site."""
    row = connection.execute(select(t.site).where(t.site.c.key == key)).first()
    if row is None:
        return None
    things = _things(connection, row.id)
    series = _series(connection, row.id, things)
    return Site(row.key, row.name, getattr(row, "time_zone", "UTC"), series)


def read_site_keys(connection: Connection) -> list[str]:
    """List the sites there are."""
    return list(connection.execute(select(t.site.c.key).order_by(t.site.c.key)).scalars())


def _things(connection: Connection, site_id: int) -> Mapping[int, Thing]:
    places = _places(connection, site_id)
    rows = connection.execute(select(t.thing).where(t.thing.c.site_id == site_id))
    return {
        row.id: Thing(
            row.id, row.gateway_id, row.key, row.name, row.description, tuple(places[row.id])
        )
        for row in rows
    }


def _places(connection: Connection, site_id: int) -> Mapping[int, list[Place]]:
    where = t.historical_location
    rows = connection.execute(
        select(where.c.thing_id, where.c.since, t.location)
        .join(t.location, t.location.c.id == where.c.location_id)
        .join(t.thing, t.thing.c.id == where.c.thing_id)
        .where(t.thing.c.site_id == site_id)
        .order_by(where.c.since, where.c.id)
    )
    places: dict[int, list[Place]] = defaultdict(list)
    for row in rows:
        places[row.thing_id].append(Place(row.lat, row.lon, row.elevation_m, row.since))
    return places


def _instruments(connection: Connection, site_id: int) -> Mapping[tuple[int, str], list[Row[Any]]]:
    rows = connection.execute(
        select(t.deployment, t.sensor.c.model, t.sensor.c.serial, t.sensor.c.firmware)
        .join(t.sensor, t.sensor.c.id == t.deployment.c.sensor_id)
        .join(t.thing, t.thing.c.id == t.deployment.c.thing_id)
        .where(t.thing.c.site_id == site_id)
        .order_by(t.deployment.c.since, t.deployment.c.id)
    )
    found: dict[tuple[int, str], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[row.thing_id, row.key].append(row)
    return found


def _instrument(row: Row[Any]) -> Instrument:
    return Instrument(
        row.model, row.serial, row.firmware, row.depth_m, row.height_m, row.since, row.until
    )


def _series(
    connection: Connection, site_id: int, things: Mapping[int, Thing]
) -> tuple[Series, ...]:
    instruments = _instruments(connection, site_id)
    source = t.datastream.alias("source")
    kind = t.observed_property
    found = connection.execute(
        select(
            t.datastream,
            kind.c.key.label("property"),
            kind.c.label,
            kind.c.cf_name,
            kind.c.aggregate,
            source.c.name.label("derived_from"),
        )
        .join(kind, kind.c.id == t.datastream.c.observed_property_id)
        .join(t.thing, t.thing.c.id == t.datastream.c.thing_id)
        .outerjoin(source, source.c.id == t.datastream.c.source_id)
        .where(t.thing.c.site_id == site_id)
    )
    # Sorted here: databases differ in how they order punctuation.
    rows = sorted(found, key=lambda row: (row.gateway_id, row.name.split("/")))
    return tuple(
        Series(
            id=row.id,
            name=row.name,
            thing=things[row.thing_id],
            sensor=row.sensor_key,
            property=row.property,
            label=row.label,
            cf_name=row.cf_name,
            unit=row.unit,
            statistic=row.statistic,
            aggregate=row.aggregate,
            interval_s=row.interval_s,
            derived_from=row.derived_from,
            transform=row.transform,
            instruments=tuple(map(_instrument, instruments[row.thing_id, row.sensor_key])),
        )
        for row in rows
    )
