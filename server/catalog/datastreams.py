"""Observed properties and datastreams: made to agree with a plan. None is ever removed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from server.catalog.plan import PlannedSeries
from server.catalog.remarks import Kind, Remark
from server.db.once import enter_missing
from server.db.tables import datastream, observed_property
from server.rollup.zones import renew
from server.soil.relative import RELATIVE, WATER
from wire.properties import PROPERTIES, ObservedProperty


def apply_datastreams(
    connection: Connection,
    gateway_id: str,
    things: Mapping[str, int],
    plan: Sequence[PlannedSeries],
) -> list[Remark]:
    """Write what changed; says which series stay as they are, since else what is stored were wrong.

    `plan` lists each source before what is derived from it.
    """
    properties = _apply_properties(connection, plan)
    known = {
        row.name: row
        for row in connection.execute(
            select(datastream).where(datastream.c.gateway_id == gateway_id)
        )
    }
    ids = {name: int(row.id) for name, row in known.items()}
    moved, other = [], []
    remarks: list[Remark] = []
    kept: set[str] = set()
    for series in plan:
        old = known.get(series.name)
        if old is not None and (conflict := _conflict(old, series)):
            remarks.append(conflict)
            kept.add(series.name)
            continue
        if old is not None and not kept.isdisjoint(_made_from(series)):
            continue  # its formula would be for another series than is stored
        values = {
            "thing_id": things[series.thing],
            "sensor_key": series.sensor_key,
            "observed_property_id": properties[series.property],
            "unit": series.unit,
            "statistic": series.statistic,
            "interval_s": series.interval_s,
            "source_id": ids[series.source] if series.source else None,
            "transform": series.transform,
            "unknown": series.unknown,
        }
        if old is not None:
            _correct(connection, old, values)
            if old.observed_property_id != values["observed_property_id"]:
                other.append(int(old.id))
            elif old.thing_id != values["thing_id"]:
                moved.append(int(old.id))
            continue
        row = {"gateway_id": gateway_id, "name": series.name, **values}
        ids[series.name] = connection.execute(
            insert(datastream).values(row).returning(datastream.c.id)
        ).scalar_one()
    renew(connection, moved)
    renew(connection, other, with_hours=True)
    _stop_deriving(connection, known.values(), things, plan)
    return remarks


def _made_from(series: PlannedSeries) -> set[str]:
    """Name what a derived series is made from: of relative water, the water itself as well."""
    if series.source is None:
        return set()
    water = f"{series.thing}/{series.sensor_key}/{WATER}"
    return {series.source, water} if series.property == RELATIVE else {series.source}


def _stop_deriving(
    connection: Connection,
    known: Iterable[Row[Any]],
    things: Mapping[str, int],
    plan: Sequence[PlannedSeries],
) -> None:
    """Let no series be computed any longer that the catalogue does not derive for its sensor."""
    places = {(things[series.thing], series.sensor_key) for series in plan}
    names = {series.name for series in plan}
    for old in known:
        is_here = (old.thing_id, old.sensor_key) in places
        if is_here and old.source_id is not None and old.name not in names:
            _correct(connection, old, {"transform": None})


def _conflict(old: Row[Any], series: PlannedSeries) -> Remark | None:
    """Find what speaks against a series: it keeps one unit and one origin.

    What is stored in it could not be told apart.
    """
    if old.unit != series.unit:
        reason = (
            f"it is stored in '{old.unit}' and cannot change to '{series.unit}': "
            "give the sensor another id"
        )
        return Remark(series.name, Kind.LEFT_OUT, reason)
    if (old.source_id is None) == (series.source is None):
        return None
    kinds = ("measured", "derived by the server")
    was, wanted = kinds if old.source_id is None else reversed(kinds)
    reason = f"it is {was} and cannot become {wanted}: give the sensor another id"
    # What is measured goes on being stored.
    kind = Kind.LEFT_OUT if series.source is None else Kind.NOTED
    return Remark(series.name, kind, reason)


def _correct(connection: Connection, old: Row[Any], values: Mapping[str, object]) -> None:
    changed = {key: value for key, value in values.items() if getattr(old, key) != value}
    if changed:
        connection.execute(update(datastream).where(datastream.c.id == old.id).values(changed))


def _apply_properties(connection: Connection, plan: Sequence[PlannedSeries]) -> dict[str, int]:
    """Return the ids of observed properties by key; enters what is new, and what is known anew."""
    rows = {series.property: _property_row(series) for series in plan}
    known = _properties(connection)
    new = sorted(rows.keys() - known.keys())
    enter_missing(connection, observed_property, [rows[key] for key in new])
    for key in sorted(rows.keys() & known.keys() & PROPERTIES.keys()):
        _know_anew(connection, known[key], rows[key])
    return {key: int(row.id) for key, row in (_properties(connection) if new else known).items()}


def _know_anew(connection: Connection, old: Row[Any], row: Mapping[str, object]) -> None:
    """Say of a property what is known of it now; another aggregate makes other rollups."""
    changed = {key: value for key, value in row.items() if getattr(old, key) != value}
    if not changed:
        return
    own = observed_property.c.id == old.id
    connection.execute(update(observed_property).where(own).values(changed))
    if "aggregate" in changed:
        ids = select(datastream.c.id).where(datastream.c.observed_property_id == old.id)
        renew(connection, connection.execute(ids).scalars().all(), with_hours=True)


def _properties(connection: Connection) -> dict[str, Row[Any]]:
    return {row.key: row for row in connection.execute(select(observed_property))}


def _property_row(series: PlannedSeries) -> dict[str, object]:
    """Say what is known of a property; of one that nobody knows, what it is called."""
    item = PROPERTIES.get(series.property)
    if item is None:
        label = series.property.replace("_", " ").strip().capitalize() or series.property
        item = ObservedProperty(series.property, label, series.unit)
    return {
        "key": item.key,
        "label": item.label,
        "unit": item.unit,
        "cf_name": item.cf_name,
        "aggregate": item.aggregate.value,
    }
