"""Journal entries of batches that are stored as they are written down, many at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from sqlalchemy import Connection, insert

from server.db.instant import to_datetime
from server.db.tables import journal
from server.ingest.bulk.bundle import Prepared
from server.ingest.events import Status

_TYPES = {
    "gateway": "text",
    "topic": "text",
    "epoch": "text",
    "seq": "int8",
    "digest": "bytea",
    "received_at": "timestamptz",
    "payload": "bytea",
    "retained": "bool",
    "status": "text",
    "observations": "int4",
    "first_time": "timestamptz",
    "last_time": "timestamptz",
}
_COPY = f"COPY journal ({', '.join(_TYPES)}) FROM STDIN (FORMAT binary)"


@dataclass(frozen=True, slots=True)
class Settled:
    """A batch and what it holds: how many observations, between which instants (ms)."""

    prepared: Prepared
    observations: int
    first_time: int
    last_time: int


def record_all(connection: Connection, settled: Sequence[Settled]) -> None:
    """Write batches down as they came, as stored."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        connection.execute(insert(journal), [_row(one) for one in settled])
        return
    with driver.cursor() as cursor, cursor.copy(_COPY.encode()) as copy:
        copy.set_types(list(_TYPES.values()))
        for one in settled:
            instants = {name: to_datetime(at) for name, at in _instants(one).items()}
            row = _plain(one) | instants
            copy.write_row([row[name] for name in _TYPES])


def _row(one: Settled) -> dict[str, object]:
    return {**_plain(one), **_instants(one)}


def _instants(one: Settled) -> dict[str, int]:
    return {
        "received_at": one.prepared.message.received_at,
        "first_time": one.first_time,
        "last_time": one.last_time,
    }


def _plain(one: Settled) -> dict[str, object]:
    message, batch = one.prepared.message, one.prepared.id
    return {
        "gateway": batch.gateway,
        "topic": message.topic,
        "epoch": batch.epoch,
        "seq": batch.seq,
        "digest": one.prepared.digest,
        "payload": message.payload,
        "retained": message.retained,
        "status": Status.STORED.value,
        "observations": one.observations,
    }
