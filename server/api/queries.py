"""What the API and the pages read from the catalog: one statement each, as rows of the schemas."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, select

from server.api.schemas import (
    Datastream,
    Gateway,
    GatewayStatus,
    Latest,
    Location,
    Site,
    Thing,
    failing_tests,
    flag_word,
)
from server.db import tables as t


@dataclass(frozen=True, slots=True)
class DatastreamFilter:
    """Which datastreams: all of them, or those of a site, a thing, a property; by ascending id."""

    site: str | None = None
    thing: int | None = None
    property: str | None = None
    after: int = 0
    limit: int | None = None


def sites(connection: Connection) -> list[Site]:
    """All sites, by name."""
    counted = (
        select(t.site, func.count(t.thing.c.id).label("things"))
        .outerjoin(t.thing)
        .group_by(t.site.c.id)
        .order_by(t.site.c.name, t.site.c.id)
    )
    return [Site.model_validate(dict(row)) for row in connection.execute(counted).mappings()]


def things(connection: Connection, site: str | None, after: int, limit: int) -> list[Thing]:
    """Things with their present location, by ascending id from `after`."""
    found = (
        select(
            t.thing,
            t.site.c.key.label("site"),
            t.location.c.lat,
            t.location.c.lon,
            t.location.c.elevation_m,
        )
        .join(t.site)
        .outerjoin(t.thing_location, t.thing_location.c.thing_id == t.thing.c.id)
        .outerjoin(t.location, t.location.c.id == t.thing_location.c.location_id)
        .where(t.thing.c.id > after)
        .order_by(t.thing.c.id)
        .limit(limit)
    )
    if site is not None:
        found = found.where(t.site.c.key == site)
    return [_thing(row) for row in connection.execute(found)]


def _thing(row: Row[Any]) -> Thing:
    place = None
    if row.lat is not None:
        place = Location(lat=row.lat, lon=row.lon, elevation_m=row.elevation_m)
    return Thing(
        id=row.id,
        key=row.key,
        name=row.name,
        description=row.description,
        site=row.site,
        gateway=row.gateway_id,
        location=place,
        properties=row.properties,
    )


def datastreams(connection: Connection, wanted: DatastreamFilter) -> list[Datastream]:
    """Datastreams that fit the filter."""
    rows = connection.execute(_filtered(_datastream_rows(), wanted)).mappings()
    return [Datastream.model_validate(dict(row)) for row in rows]


def datastream_rows(connection: Connection) -> list[dict[str, Any]]:
    """All datastreams by ascending id, each as a mapping with the fields of `Datastream`."""
    return [dict(row) for row in connection.execute(_datastream_rows()).mappings()]


def datastream(connection: Connection, datastream_id: int) -> Datastream | None:
    """One datastream, or None."""
    wanted = _datastream_rows().where(t.datastream.c.id == datastream_id)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else Datastream.model_validate(dict(row))


def latest(connection: Connection, site: str | None = None) -> list[Latest]:
    """Every datastream with its newest observation, in one statement."""
    newest = t.latest
    rows = _datastream_rows().outerjoin(newest, newest.c.datastream_id == t.datastream.c.id)
    rows = rows.add_columns(
        newest.c.time, newest.c.value, newest.c.quality, newest.c.reason, newest.c.received_at
    )
    found = connection.execute(_filtered(rows, DatastreamFilter(site=site))).mappings()
    return [_latest(dict(row)) for row in found]


def _latest(row: dict[str, Any]) -> Latest:
    quality = row["quality"]
    flag = None if quality is None else flag_word(quality)
    tests = [] if quality is None else failing_tests(quality)
    reason = row["reason"] or ""
    return Latest.model_validate({**row, "flag": flag, "tests": tests, "reason": reason})


def _datastream_rows() -> Select[Any]:
    """Datastreams with everything a reader wants to know of them.

    The newest deployment still open at a place tells the sensor's model and depth.
    """
    place = t.deployment
    current = (
        select(func.max(place.c.id))
        .where(
            place.c.thing_id == t.datastream.c.thing_id,
            place.c.key == t.datastream.c.sensor_key,
            place.c.until.is_(None),
        )
        .scalar_subquery()
        .correlate(t.datastream)
    )
    return (
        select(
            t.datastream.c.id,
            t.datastream.c.name,
            t.datastream.c.gateway_id.label("gateway"),
            t.site.c.key.label("site"),
            t.thing.c.id.label("thing"),
            t.thing.c.key.label("thing_key"),
            t.thing.c.name.label("thing_name"),
            t.datastream.c.sensor_key.label("sensor"),
            t.sensor.c.model,
            place.c.depth_m,
            place.c.height_m,
            t.observed_property.c.key.label("property"),
            t.observed_property.c.label,
            t.observed_property.c.cf_name,
            t.datastream.c.unit,
            t.datastream.c.statistic,
            t.observed_property.c.aggregate,
            t.datastream.c.interval_s,
            t.datastream.c.source_id.label("source"),
            t.datastream.c.transform,
            t.datastream.c.unknown,
        )
        .join(t.thing, t.thing.c.id == t.datastream.c.thing_id)
        .join(t.site, t.site.c.id == t.thing.c.site_id)
        .join(
            t.observed_property,
            t.observed_property.c.id == t.datastream.c.observed_property_id,
        )
        .outerjoin(place, place.c.id == current)
        .outerjoin(t.sensor, t.sensor.c.id == place.c.sensor_id)
        .order_by(t.datastream.c.id)
    )


def _filtered(rows: Select[Any], wanted: DatastreamFilter) -> Select[Any]:
    rules = [t.datastream.c.id > wanted.after]
    if wanted.site is not None:
        rules.append(t.site.c.key == wanted.site)
    if wanted.thing is not None:
        rules.append(t.thing.c.id == wanted.thing)
    if wanted.property is not None:
        rules.append(t.observed_property.c.key == wanted.property)
    return rows.where(and_(*rules)).limit(wanted.limit)


def gateways(connection: Connection) -> list[Gateway]:
    """All gateways, by id, with the sites their things stand at."""
    at: dict[str, list[str]] = defaultdict(list)
    placed = select(t.thing.c.gateway_id, t.site.c.key).join(t.site).distinct()
    for gateway_id, site in connection.execute(placed.order_by(t.site.c.key)):
        at[gateway_id].append(site)
    rows = connection.execute(select(t.gateway).order_by(t.gateway.c.id)).mappings()
    return [_gateway(dict(row), at[row["id"]]) for row in rows]


def _gateway(row: dict[str, Any], sites: list[str]) -> Gateway:
    status = GatewayStatus.model_validate(row["status"] or {})
    told = {"status": status, "sites": sites, "remarks": row["remarks"] or []}
    return Gateway.model_validate({**row, **told})
