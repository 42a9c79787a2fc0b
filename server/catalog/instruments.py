"""Sensors and deployments: which physical instrument stood where, from when to when.

A serial number that nobody had read yet ("") may become known without a change of instrument.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from server.catalog.plan import installed_ms
from server.db.tables import deployment, sensor, thing
from wire.messages import SensorInfo


@dataclass(slots=True)
class _Book:
    """What the database holds of one gateway's instruments while an inventory is applied."""

    connection: Connection
    gateway_id: str
    now_ms: int
    open: dict[tuple[int, str], Row[Any]] = field(default_factory=dict)
    by_serial: dict[tuple[str, str], int] = field(default_factory=dict)


def apply_sensors(
    connection: Connection,
    gateway_id: str,
    things: Mapping[str, int],
    infos: Sequence[SensorInfo],
    now_ms: int,
) -> None:
    """Open, close and correct deployments until they are what the inventory lists.

    Another model, serial number, depth or height at a place ends its deployment and begins a new
    one; a sensor no longer listed has left its place.
    """
    book = _open_book(connection, gateway_id, now_ms)
    for info in infos:
        thing_id = things[info.thing]
        current = book.open.pop((thing_id, info.id), None)
        if current is not None and _is_same(book, current, info):
            _correct(book, current, info)
        else:
            _replace(book, current, thing_id, info)
    for left in book.open.values():
        _close(book, left, now_ms)


def _open_book(connection: Connection, gateway_id: str, now_ms: int) -> _Book:
    book = _Book(connection, gateway_id, now_ms)
    for row in connection.execute(select(sensor).where(sensor.c.gateway_id == gateway_id)):
        if row.serial:
            book.by_serial[row.model, row.serial] = row.id
    rows = connection.execute(
        select(deployment, sensor.c.model, sensor.c.serial, sensor.c.firmware)
        .join(sensor, sensor.c.id == deployment.c.sensor_id)
        .join(thing, thing.c.id == deployment.c.thing_id)
        .where(thing.c.gateway_id == gateway_id, deployment.c.until.is_(None))
    )
    book.open = {(row.thing_id, row.key): row for row in rows}
    return book


def _is_same(book: _Book, current: Row[Any], info: SensorInfo) -> bool:
    if current.model != info.model:
        return False
    if (current.depth_m, current.height_m) != (info.depth_m, info.height_m):
        return False
    if not info.serial or current.serial == info.serial:
        return True
    # The serial was not known: now it is, unless it is that of an instrument known elsewhere.
    return not current.serial and (info.model, info.serial) not in book.by_serial


def _correct(book: _Book, current: Row[Any], info: SensorInfo) -> None:
    """Write what may change without the instrument being another."""
    serial, firmware = info.serial or current.serial, info.firmware or current.firmware
    if (serial, firmware) != (current.serial, current.firmware):
        book.connection.execute(
            update(sensor)
            .where(sensor.c.id == current.sensor_id)
            .values(serial=serial, firmware=firmware)
        )
        if serial:
            book.by_serial[info.model, serial] = current.sensor_id
    if (current.protocol, current.address) != (info.protocol, info.address):
        book.connection.execute(
            update(deployment)
            .where(deployment.c.id == current.id)
            .values(protocol=info.protocol, address=info.address)
        )


def _replace(book: _Book, current: Row[Any] | None, thing_id: int, info: SensorInfo) -> None:
    since = installed_ms(info)
    if since is None or (current is not None and since <= current.since):
        since = book.now_ms  # a date that was not updated with the instrument tells nothing
    if current is not None:
        _close(book, current, since)
    book.connection.execute(
        insert(deployment).values(
            sensor_id=_sensor_id(book, info),
            thing_id=thing_id,
            key=info.id,
            protocol=info.protocol,
            address=info.address,
            depth_m=info.depth_m,
            height_m=info.height_m,
            since=since,
        )
    )


def _close(book: _Book, current: Row[Any], until_ms: int) -> None:
    book.connection.execute(
        update(deployment)
        .where(deployment.c.id == current.id)
        .values(until=max(until_ms, current.since))
    )


def _sensor_id(book: _Book, info: SensorInfo) -> int:
    """Find the instrument by its serial number, or enter it as one not seen before."""
    identity = (info.model, info.serial)
    if identity in book.by_serial:
        return book.by_serial[identity]
    row = {"model": info.model, "serial": info.serial, "firmware": info.firmware}
    sensor_id: int = book.connection.execute(
        insert(sensor).values(gateway_id=book.gateway_id, **row).returning(sensor.c.id)
    ).scalar_one()
    if info.serial:
        book.by_serial[identity] = sensor_id
    return sensor_id
