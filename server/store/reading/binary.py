"""Reads many rows as arrays.

On PostgreSQL each column comes as one array in binary, whose bytes numpy takes as they are: row by
row, be it by COPY, the driver would make a Python object of each. On SQLite rows are tuples.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Connection

# PostgreSQL 17, src/backend/utils/adt/arrayfuncs.c, array_send: number of dimensions, flags, type
# of the elements, then length and lower bound of the one dimension; each element after its length.
_ARRAY_HEADER_BYTES, _LENGTH_BYTES = 20, 4
# timestamptz in binary is microseconds since 2000-01-01 UTC.
_PG_EPOCH_MS = 946_684_800_000
_ELEMENTS = {
    kind: np.dtype([("bytes", ">i4"), ("element", element)])
    for kind, element in (("time", ">i8"), ("long", ">i8"), ("double", ">f8"), ("int", ">i4"))
}
_TYPES: Mapping[str, type[np.generic]] = {
    "time": np.int64,
    "long": np.int64,
    "double": np.float64,
    "int": np.int32,
    "text": np.object_,
}

# A column's name and its kind: time, double (NULL must be NaN), int, long (of 8 bytes) or text.
Fields = tuple[tuple[str, str], ...]
Arrays = dict[str, NDArray[Any]]

INSTANT = "timestamptz '1970-01-01 00:00Z' + {} * interval '1 millisecond'"


Driver = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Ask:
    """A query for PostgreSQL whose columns come as arrays; none of its values may be NULL."""

    query: str
    parameters: Sequence[object] | Mapping[str, object]
    fields: Fields


@dataclass(frozen=True, slots=True)
class Asked:
    """An `Ask` that is on its way: its arrays are there once what it was sent with has come."""

    cursor: "psycopg.Cursor[tuple[Any, ...]]"
    fields: Fields

    def arrays(self) -> Arrays:
        """Give the columns by name."""
        result = self.cursor.pgresult
        if result is None:
            raise TypeError("this needs a query that gives rows")
        return {
            name: _column(result.get_value(0, index), kind)
            for index, (name, kind) in enumerate(self.fields)
        }


def driver_of(connection: Connection) -> Driver:
    """Give the driver's own connection to PostgreSQL."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("this needs a psycopg connection")
    return driver


def send(driver: Driver, ask: Ask) -> Asked:
    """Send a query; within `driver.pipeline()` without waiting for what it finds."""
    names = ", ".join(f"c{index}" for index in range(len(ask.fields)))
    arrays = ", ".join(f"array_agg(c{index})" for index in range(len(ask.fields)))
    statement = f"SELECT {arrays} FROM ({ask.query}) AS q ({names})"  # noqa: S608 - queries are constants
    cursor = driver.cursor(binary=True)
    cursor.execute(statement.encode(), ask.parameters)
    return Asked(cursor, ask.fields)


def fetch(
    connection: Connection, query: str, parameters: Sequence[object], fields: Fields
) -> Arrays:
    """Run a query on PostgreSQL and give its columns; none of its values may be NULL."""
    return send(driver_of(connection), Ask(query, parameters, fields)).arrays()


def fetch_all(connection: Connection, asks: Sequence[Ask]) -> Sequence[Arrays]:
    """Run several queries, sent together: to wait for each is to be woken for each."""
    driver = driver_of(connection)
    with driver.pipeline():
        asked = [send(driver, one) for one in asks]
    return [one.arrays() for one in asked]


def columns_of(rows: Sequence[Sequence[float | None]], fields: Fields) -> Arrays:
    """Turn rows of SQLite into columns; NULL becomes NaN."""
    # Every whole number here, instants too, is far below 2^53.
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(fields))
    return {name: table[:, index].astype(_TYPES[kind]) for index, (name, kind) in enumerate(fields)}


def _column(array: bytes | None, kind: str) -> NDArray[Any]:
    if array is None:  # of no rows
        return np.empty(0, dtype=_TYPES[kind])
    if kind == "text":
        return np.array(list(_texts(array)), dtype=np.object_)
    column = np.frombuffer(array, dtype=_ELEMENTS[kind], offset=_ARRAY_HEADER_BYTES)["element"]
    if kind == "time":
        return column.astype(np.int64) // 1000 + _PG_EPOCH_MS
    return column.astype(_TYPES[kind])


def _texts(array: bytes) -> Iterator[str]:
    at = _ARRAY_HEADER_BYTES
    while at < len(array):
        begins = at + _LENGTH_BYTES
        at = begins + int.from_bytes(array[at:begins], "big")
        yield array[begins:at].decode()
