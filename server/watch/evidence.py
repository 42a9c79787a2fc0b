"""What is kept beside a transition, so that whoever is told of it can see why."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, func, select

from server.db.tables import datastream, deployment, observed_property, thing
from server.soil.book import grounds_of
from server.watch.record import Entry
from server.watch.rows import Basis, Watch

# Kinds that speak of water in the soil.
_OF_SOIL = ("dry_soil", "getting_dry", "water_arrived")


def describe(connection: Connection, entries: Sequence[Entry]) -> list[Entry]:
    """Put beside the evidence of what changed where it was measured, in which soil."""
    changed = [one.watch for one in entries if one.transitions]
    if not changed:
        return list(entries)
    about = about_watches(connection, changed)
    return [replace(one, extra=about.get(one.watch.id, {})) for one in entries]


def about_watches(connection: Connection, watches: Sequence[Watch]) -> dict[int, dict[str, object]]:
    """Say of watches, by id, what is measured where: unit, sensor, property, depth and soil."""
    of_series = _about_series(connection, {id_ for one in watches for id_ in series_of(one)})
    wet = [series_of(one)[0] for one in watches if one.kind.key in _OF_SOIL and series_of(one)]
    grounds = grounds_of(connection, wet) if wet else {}
    found: dict[int, dict[str, object]] = {}
    for one in watches:
        series = series_of(one)
        told: dict[str, object] = {"unit": one.basis.unit, "input": one.basis.input.value}
        if series:
            told |= of_series.get(series[0], {})
        if len(series) > 1:
            told["datastreams"] = list(series)
        if series and series[0] in grounds:
            ground = grounds[series[0]]
            told["soil"] = {"texture": ground.texture, "assumed": ground.is_assumed}
        found[one.id] = told
    return found


def series_of(watch: Watch) -> tuple[int, ...]:
    """List the series that a watch is judged on."""
    if watch.datastream_id is not None:
        return (watch.datastream_id,)
    return series_in(watch.basis)


def series_in(basis: Basis) -> tuple[int, ...]:
    """List the series that are judged by the hour."""
    other = (basis.other,) if basis.other else ()
    return tuple(one.datastream_id for one in (*basis.sources, *other))


def _about_series(
    connection: Connection, datastream_ids: Iterable[int]
) -> dict[int, dict[str, object]]:
    newest = (
        select(func.max(deployment.c.id))
        .where(
            deployment.c.thing_id == datastream.c.thing_id,
            deployment.c.key == datastream.c.sensor_key,
        )
        .scalar_subquery()
        .correlate(datastream)
    )
    rows = connection.execute(
        select(
            *(datastream.c.id, datastream.c.name, datastream.c.sensor_key),
            *(observed_property.c.key, deployment.c.depth_m, deployment.c.height_m),
            thing.c.name,
        )
        .join(observed_property, observed_property.c.id == datastream.c.observed_property_id)
        .join(thing, thing.c.id == datastream.c.thing_id)
        .outerjoin(deployment, deployment.c.id == newest)
        .where(datastream.c.id.in_(sorted(datastream_ids)))
    )
    keys = ("datastream", "sensor", "property", "depth_m", "height_m", "thing")
    return {
        id_: {
            "datastream_id": id_,
            **{key: value for key, value in zip(keys, what, strict=True) if value is not None},
        }
        for id_, *what in rows
    }
