"""Journal entries of batches that are stored as they are written down, many at once."""

import struct

import psycopg
from sqlalchemy import Connection

from server.ingest.bulk.bundle import Bundle, Prepared
from server.ingest.events import Status

_NAMES = (
    *("gateway", "topic", "epoch", "seq", "digest", "received_at", "payload", "retained"),
    *("status", "observations", "first_time", "last_time"),
)
_COPY = f"COPY journal ({', '.join(_NAMES)}) FROM STDIN (FORMAT binary)"
_INSERT = f"INSERT INTO journal ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608 - constants only

# PostgreSQL 17 manual, COPY, "Binary Format". A timestamptz is microseconds since 2000-01-01 UTC.
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_PG_EPOCH_MS = 946_684_800_000
_FIELDS = struct.pack(">h", len(_NAMES))
_LENGTH = struct.Struct(">i")
_SEQ_AND_DIGEST = struct.Struct(">iqi32s")
_RECEIVED_AND_SIZE = struct.Struct(">iqi")
_STATUS = Status.STORED.value.encode()
_END = struct.Struct(f">i?i{len(_STATUS)}siiiqiq")


def record_all(connection: Connection, bundle: Bundle) -> None:
    """Write batches down as they came, as stored.

    Those of a gateway go one behind the other: they are neighbours in two of the table's indexes.
    """
    ordered = sorted(bundle.prepared, key=_gateway)
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        connection.exec_driver_sql(_INSERT, [_row(one) for one in ordered])
        return
    with driver.cursor() as cursor, cursor.copy(_COPY.encode()) as copy:
        copy.write(b"".join([_HEADER, *map(_bytes, ordered), _TRAILER]))


def _gateway(one: Prepared) -> str:
    return one.id.gateway


def _row(one: Prepared) -> tuple[object, ...]:
    message, batch = one.message, one.id
    return (
        *(batch.gateway, message.topic, batch.epoch, batch.seq, one.digest),
        *(message.received_at, message.payload, message.retained, Status.STORED.value),
        *(len(one.decoded.batch), one.first_ms, one.last_ms),
    )


def _bytes(one: Prepared) -> bytes:
    """Write an entry as COPY reads it: the number of fields, and each after its length."""
    message, batch = one.message, one.id
    gateway, topic, epoch = batch.gateway.encode(), message.topic.encode(), batch.epoch.encode()
    return b"".join(
        (
            *(_FIELDS, _LENGTH.pack(len(gateway)), gateway, _LENGTH.pack(len(topic)), topic),
            *(_LENGTH.pack(len(epoch)), epoch, _SEQ_AND_DIGEST.pack(8, batch.seq, 32, one.digest)),
            _RECEIVED_AND_SIZE.pack(8, _pg(message.received_at), len(message.payload)),
            message.payload,
            _END.pack(
                *(1, message.retained, len(_STATUS), _STATUS, 4, len(one.decoded.batch)),
                *(8, _pg(one.first_ms), 8, _pg(one.last_ms)),
            ),
        )
    )


def _pg(time_ms: int) -> int:
    return (time_ms - _PG_EPOCH_MS) * 1000
