"""The newest observations as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, select

from server.db.tables import latest
from server.store.port import Floats, Int32s, Int64s
from server.store.reading.binary import Arrays, Ask, Fields, columns_of, fetch

_FIELDS: Fields = (
    ("datastream_id", "int"),
    ("time", "time"),
    ("value", "double"),
    ("quality", "int"),
    ("received_at", "time"),
    ("has_reason", "int"),
)
_QUERY = """
SELECT datastream_id, time, COALESCE(value, 'NaN'), quality, received_at, (reason <> '')::int
FROM latest
"""
_SQLITE_QUERY = """
SELECT datastream_id, time, value, quality, received_at, reason <> '' FROM latest
"""
ASK = Ask(_QUERY, (), _FIELDS)
_COLUMN = latest.c
_REASONS = select(_COLUMN.datastream_id, _COLUMN.reason).where(_COLUMN.reason != "")


@dataclass(frozen=True, slots=True, eq=False)
class Newest:
    """The newest observation of each datastream that has one, by ascending id.

    A missing value is NaN; `reasons` says why, by datastream.
    """

    datastream_id: Int32s
    time_ms: Int64s
    value: Floats
    quality: Int32s
    received_ms: Int64s
    reasons: Mapping[int, str]


def read_newest(connection: Connection) -> Newest:
    """Read all of them."""
    if connection.dialect.name == "postgresql":
        return newest_of(connection, fetch(connection, _QUERY, [], _FIELDS))
    rows = [tuple(row) for row in connection.exec_driver_sql(_SQLITE_QUERY)]
    return newest_of(connection, columns_of(rows, _FIELDS))


def newest_of(connection: Connection, columns: Arrays) -> Newest:
    """Make them of what was found; only where there are reasons these are read."""
    reasons = {}
    if columns.pop("has_reason").any():
        reasons = {row.datastream_id: row.reason for row in connection.execute(_REASONS)}
    order = np.argsort(columns["datastream_id"], kind="stable")
    id_, time, value, quality, received = (column[order] for column in columns.values())
    return Newest(id_, time, value, quality, received, reasons)
