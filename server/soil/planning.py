"""The series of relative water that are there, made to agree with what is said of soils.

An inventory plans them with all other series. This is for what no inventory tells: soils are said
anew, or the program that took the inventory knew none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from server.catalog.gateways import note_change
from server.db.deployments import stands_now
from server.db.once import enter_missing
from server.db.tables import datastream, deployment, observed_property
from server.soil.book import read_profiles
from server.soil.ground import Profile
from server.soil.relative import RELATIVE, RELATIVE_UNIT, WATER, relative_formula
from wire.derive.formula import read
from wire.properties import PROPERTIES

_read = cache(read)


@dataclass(frozen=True, slots=True)
class Change:
    """A series that is to be entered, or (by its id) computed otherwise: `values` are columns."""

    gateway_id: str
    datastream_id: int | None
    values: Mapping[str, object]


def differences(connection: Connection, gateway_id: str | None = None) -> list[Change]:
    """Find what does not agree, of a gateway or of all."""
    rows = _read_series(connection, gateway_id)
    profiles = read_profiles(connection, sorted({row.gateway_id for row in rows}))
    there = {(row.gateway_id, row.name): row for row in rows if row.property == RELATIVE}
    found = []
    for row in rows:
        values = _wanted(row, profiles[row.thing_id])
        if values is None:
            continue
        old = there.get((row.gateway_id, str(values["name"])))
        if old is None:
            found.append(Change(row.gateway_id, None, values))
        elif old.source_id is not None and _differs(old, values):
            found.append(Change(row.gateway_id, old.id, values))
    return found


def settle(connection: Connection, gateway_id: str) -> Sequence[int]:
    """Make a gateway's series agree; gives the ids of those that are computed otherwise now.

    The gateway must be locked.
    """
    changes = differences(connection, gateway_id)
    if not changes:
        return []
    property_id = _property_id(connection)
    ids = [_apply(connection, one, property_id) for one in changes]
    note_change(connection, gateway_id)
    return ids


def _read_series(connection: Connection, gateway_id: str | None) -> Sequence[Row[Any]]:
    """Read the series of water and of relative water, with the depth of the sensor there now."""
    wanted = (
        select(datastream, observed_property.c.key.label("property"), deployment.c.depth_m)
        .join(observed_property, observed_property.c.id == datastream.c.observed_property_id)
        .outerjoin(deployment, stands_now())
        .where(observed_property.c.key.in_([WATER, RELATIVE]))
        .order_by(datastream.c.id)
    )
    if gateway_id is not None:
        wanted = wanted.where(datastream.c.gateway_id == gateway_id)
    return connection.execute(wanted).all()


def _wanted(water: Row[Any], profile: Profile) -> Mapping[str, object] | None:
    """Give the row of relative water that is computed from a series; None where none is."""
    is_stopped = water.source_id is not None and water.transform is None
    if water.property != WATER or is_stopped:
        return None
    calibration = _read(water.transform) if water.transform else None
    formula = relative_formula(calibration, water.unit, profile.at(water.depth_m))
    if formula is None:
        return None
    return {
        "name": f"{water.name.rpartition('/')[0]}/{RELATIVE}",
        "thing_id": water.thing_id,
        "sensor_key": water.sensor_key,
        "unit": RELATIVE_UNIT,
        "statistic": water.statistic,
        "interval_s": water.interval_s,
        "source_id": water.id if water.source_id is None else water.source_id,
        "transform": str(formula),
    }


def _differs(old: Row[Any], values: Mapping[str, object]) -> bool:
    return any(getattr(old, key) != value for key, value in values.items())


def _apply(connection: Connection, change: Change, property_id: int) -> int:
    if change.datastream_id is not None:
        own = datastream.c.id == change.datastream_id
        connection.execute(update(datastream).where(own).values(change.values))
        return change.datastream_id
    row = {
        "gateway_id": change.gateway_id,
        "observed_property_id": property_id,
        **change.values,
    }
    entered = insert(datastream).values(row).returning(datastream.c.id)
    return int(connection.execute(entered).scalar_one())


def _property_id(connection: Connection) -> int:
    item = PROPERTIES[RELATIVE]
    row: dict[str, object] = {
        "key": item.key,
        "label": item.label,
        "unit": item.unit,
        "cf_name": item.cf_name,
        "aggregate": item.aggregate.value,
    }
    enter_missing(connection, observed_property, [row])
    wanted = select(observed_property.c.id).where(observed_property.c.key == RELATIVE)
    return int(connection.execute(wanted).scalar_one())
