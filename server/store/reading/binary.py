"""Reads many rows as arrays.

On PostgreSQL each column comes as one array in binary, whose bytes numpy takes as they are: row by
row, be it by COPY, the driver would make a Python object of each. On SQLite rows are tuples.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy import Connection

# PostgreSQL 17, src/backend/utils/adt/arrayfuncs.c, array_send: number of dimensions, flags, type
# of the elements, then length and lower bound of the one dimension; each element after its length.
_ARRAY_HEADER_BYTES = 20
# timestamptz in binary is microseconds since 2000-01-01 UTC.
_PG_EPOCH_MS = 946_684_800_000
_ELEMENTS = {
    kind: np.dtype([("bytes", ">i4"), ("element", element)])
    for kind, element in (("time", ">i8"), ("double", ">f8"), ("int", ">i4"))
}
_TYPES: Mapping[str, type[np.generic]] = {
    "time": np.int64,
    "double": np.float64,
    "int": np.int32,
}

# A column's name and its kind: time, double (NULL must be NaN) or int.
Fields = tuple[tuple[str, str], ...]
Arrays = dict[str, NDArray[Any]]

INSTANT = "timestamptz '1970-01-01 00:00Z' + {} * interval '1 millisecond'"


def fetch(
    connection: Connection, query: str, parameters: Sequence[object], fields: Fields
) -> Arrays:
    """Run a query on PostgreSQL and give its columns; none of its values may be NULL."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("this needs a psycopg connection")
    names = ", ".join(f"c{index}" for index in range(len(fields)))
    arrays = ", ".join(f"array_agg(c{index})" for index in range(len(fields)))
    statement = f"SELECT {arrays} FROM ({query}) AS q ({names})"  # noqa: S608 - queries are constants
    with driver.cursor(binary=True) as cursor:
        cursor.execute(statement.encode(), parameters)
        result = cursor.pgresult
        if result is None:
            raise TypeError("this needs a query that gives rows")
        return {
            name: _column(result.get_value(0, index), kind)
            for index, (name, kind) in enumerate(fields)
        }


def columns_of(rows: Sequence[Sequence[float | None]], fields: Fields) -> Arrays:
    """Turn rows of SQLite into columns; NULL becomes NaN."""
    # Every whole number here, instants too, is far below 2^53.
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(fields))
    return {name: table[:, index].astype(_TYPES[kind]) for index, (name, kind) in enumerate(fields)}


def _column(array: bytes | None, kind: str) -> NDArray[Any]:
    if array is None:  # of no rows
        return np.empty(0, dtype=_TYPES[kind])
    column = np.frombuffer(array, dtype=_ELEMENTS[kind], offset=_ARRAY_HEADER_BYTES)["element"]
    if kind == "time":
        return column.astype(np.int64) // 1000 + _PG_EPOCH_MS
    return column.astype(_TYPES[kind])
