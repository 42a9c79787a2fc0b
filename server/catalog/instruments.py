"""Sensors and deployments: which physical instrument stood where, from when to when.

A serial number that nobody had read yet ("") may become known without a change of instrument.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, func, insert, select, update

from server.catalog.plan import installed_ms
from server.db.tables import deployment, sensor, thing
from server.quality.timing import FUTURE_TOLERANCE_MS
from wire.messages import SensorInfo


@dataclass(slots=True)
class _Book:
    """What the database holds of one gateway's instruments while an inventory is applied."""

    connection: Connection
    gateway_id: str
    now_ms: int
    open: dict[tuple[int, str], Row[Any]] = field(default_factory=dict)
    by_serial: dict[tuple[str, str], int] = field(default_factory=dict)
    _begun: dict[tuple[int, str], int] | None = None

    def begun(self, thing_id: int, key: str) -> int | None:
        """Say when the newest deployment at a place began, open or not; None for the first there.

        Asked before one is entered, and by few inventories: it is read when it first is.
        """
        if self._begun is None:
            place = (deployment.c.thing_id, deployment.c.key)
            rows = self.connection.execute(
                select(*place, func.max(deployment.c.since))
                .join(thing, thing.c.id == deployment.c.thing_id)
                .where(thing.c.gateway_id == self.gateway_id)
                .group_by(*place)
            )
            self._begun = {(id_, sensor_key): int(since) for id_, sensor_key, since in rows}
        return self._begun.get((thing_id, key))


def apply_sensors(
    connection: Connection,
    gateway_id: str,
    things: Mapping[str, int],
    infos: Sequence[SensorInfo],
    now_ms: int,
) -> None:
    """Open, close and correct deployments until they are what the inventory lists.

    Another model, serial number, depth, height or reference at a place ends its deployment and
    begins a new one; a sensor no longer listed has left its place. One that its gateway does not
    read stays as it was: what is wrong is how it is described.
    """
    book = _open_book(connection, gateway_id, now_ms)
    for info in infos:
        thing_id = things[info.thing]
        current = book.open.pop((thing_id, info.id), None)
        if info.refused:
            continue
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
    if info.reference_m is not None and current.reference_m not in (None, info.reference_m):
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
    reference_m = current.reference_m if info.reference_m is None else info.reference_m
    values = {
        "protocol": info.protocol,
        "address": info.address,
        "reference_m": reference_m,
        "fields": _fields(info),
    }
    changed = {key: value for key, value in values.items() if getattr(current, key) != value}
    if changed:
        own = deployment.c.id == current.id
        book.connection.execute(update(deployment).where(own).values(changed))
    if info.since is not None and 0 <= info.since < current.since:
        _begin_earlier(book, current, info.since)


def _begin_earlier(book: _Book, current: Row[Any], since: int) -> None:
    """Believe a gateway whose clock has become known only after it told of another instrument.

    Until then it began when we heard of it. What was measured since waits for that clock, too, so
    nothing is stored that would be of the other instrument now.
    """
    place = (deployment.c.thing_id == current.thing_id) & (deployment.c.key == current.key)
    before = book.connection.execute(
        select(deployment.c.id, deployment.c.since, deployment.c.until)
        .where(place, deployment.c.id < current.id)
        .order_by(deployment.c.id.desc())
        .limit(1)
    ).first()
    if before is None or since <= before.since:
        return
    until = min(before.until, since)
    for one, values in ((before.id, {"until": until}), (current.id, {"since": since})):
        own = deployment.c.id == one
        book.connection.execute(update(deployment).where(own).values(values))


def _replace(book: _Book, current: Row[Any] | None, thing_id: int, info: SensorInfo) -> None:
    since = _since(info, book.begun(thing_id, info.id), book.now_ms)
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
            reference_m=info.reference_m,
            fields=_fields(info),
            since=since,
        )
    )


def _since(info: SensorInfo, before_ms: int | None, now_ms: int) -> int:
    """Say since when a new deployment is: by its gateway, which knows it to the second, or a date.

    Of the first one at its place the date goes further back. What is not after the beginning of the
    one before, also of one that has left, tells nothing: it was not changed with the instrument.
    """
    told = [info.since, installed_ms(info)]
    for since in told if before_ms is not None else reversed(told):
        if since is None or not 0 <= since <= now_ms + FUTURE_TOLERANCE_MS:
            continue
        if before_ms is None or since > before_ms:
            return since
    return now_ms


def _fields(info: SensorInfo) -> list[dict[str, object]] | None:
    """Write down what the gateway says of a model that only it knows."""
    told: list[dict[str, object]] = msgspec.json.decode(msgspec.json.encode(info.fields))
    return told or None


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
