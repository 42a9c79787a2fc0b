"""Observed properties and datastreams: made to agree with a plan. None is ever removed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from server.catalog.plan import PlannedSeries
from server.db.once import enter_missing
from server.db.tables import datastream, observed_property
from server.rollup.zones import renew
from wire.errors import ContractError
from wire.properties import PROPERTIES


def apply_datastreams(
    connection: Connection,
    gateway_id: str,
    things: Mapping[str, int],
    plan: Sequence[PlannedSeries],
) -> None:
    """Write what changed; raises ContractError for a change that would falsify what is stored.

    `plan` lists each source before what is derived from it.
    """
    properties = _apply_properties(connection, {series.property for series in plan})
    known = {
        row.name: row
        for row in connection.execute(
            select(datastream).where(datastream.c.gateway_id == gateway_id)
        )
    }
    ids = {name: int(row.id) for name, row in known.items()}
    moved, other = [], []
    for series in plan:
        values = {
            "thing_id": things[series.thing],
            "sensor_key": series.sensor_key,
            "observed_property_id": properties[series.property],
            "unit": series.unit,
            "statistic": series.statistic,
            "interval_s": series.interval_s,
            "source_id": ids[series.source] if series.source else None,
            "transform": series.transform,
        }
        old = known.get(series.name)
        if old is not None:
            _check(old, series)
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


def _check(old: Row[Any], series: PlannedSeries) -> None:
    """One series keeps one unit and one origin: what is stored in it could not be told apart."""
    if old.unit != series.unit:
        raise ContractError(
            f"datastream '{series.name}' is stored in '{old.unit}' and cannot change to "
            f"'{series.unit}': give the sensor another id"
        )
    if (old.source_id is None) != (series.source is None):
        kinds = ("measured", "derived by the server")
        was, wanted = kinds if old.source_id is None else reversed(kinds)
        raise ContractError(
            f"datastream '{series.name}' is {was} and cannot become {wanted}: "
            "give the sensor another id"
        )


def _correct(connection: Connection, old: Row[Any], values: Mapping[str, object]) -> None:
    changed = {key: value for key, value in values.items() if getattr(old, key) != value}
    if changed:
        connection.execute(update(datastream).where(datastream.c.id == old.id).values(changed))


def _apply_properties(connection: Connection, keys: set[str]) -> dict[str, int]:
    """Return the ids of observed properties by key, entering those not used before."""
    ids = _property_ids(connection)
    new = sorted(keys - ids.keys())
    enter_missing(connection, observed_property, [_property_row(key) for key in new])
    return _property_ids(connection) if new else ids


def _property_ids(connection: Connection) -> dict[str, int]:
    rows = connection.execute(select(observed_property.c.key, observed_property.c.id)).all()
    return {key: int(property_id) for key, property_id in rows}


def _property_row(key: str) -> dict[str, object]:
    item = PROPERTIES[key]
    return {
        "key": key,
        "label": item.label,
        "unit": item.unit,
        "cf_name": item.cf_name,
        "aggregate": item.aggregate.value,
    }
