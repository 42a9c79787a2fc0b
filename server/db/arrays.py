"""Numpy arrays to PostgreSQL and back: passed as their bytes, never number by number.

Source: PostgreSQL 17, src/backend/utils/adt/arrayfuncs.c, array_recv: number of dimensions, flag
for NULLs, element type; for each dimension its size and lower bound; each element after its length.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEAD = struct.Struct(">iiIii")
_INT4, _INT8, _FLOAT8, _INSTANT = 23, 20, 701, 1184  # pg_type.dat
_INT4S, _INT8S, _FLOAT8S, _INSTANTS = 1007, 1016, 1022, 1185
_INT4_ITEM = np.dtype([("bytes", ">i4"), ("value", ">i4")])
# timestamptz in binary is microseconds since 2000-01-01 UTC.
_PG_EPOCH_MS = 946_684_800_000


@dataclass(frozen=True, slots=True)
class Int4s:
    """An `integer[]`."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Int8s:
    """A `bigint[]`."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Float8s:
    """A `double precision[]`."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Instants:
    """A `timestamptz[]`."""

    data: bytes


def int4s(array: NDArray[Any]) -> Int4s:
    """Pass integers of 32 bits."""
    return Int4s(_written(array, ">i4", _INT4))


def int8s(array: NDArray[Any]) -> Int8s:
    """Pass integers of 64 bits."""
    return Int8s(_written(array, ">i8", _INT8))


def float8s(array: NDArray[Any]) -> Float8s:
    """Pass doubles; NaN stays NaN."""
    return Float8s(_written(array, ">f8", _FLOAT8))


def instants(time_ms: NDArray[Any]) -> Instants:
    """Pass milliseconds since 1970 UTC as instants."""
    return Instants(_written((time_ms - _PG_EPOCH_MS) * 1000, ">i8", _INSTANT))


def read_int4s(data: bytes | None) -> NDArray[np.int32]:
    """Read an `integer[]` of one dimension and without NULLs; None is one of nothing."""
    if data is None or len(data) < _HEAD.size:
        return np.empty(0, dtype=np.int32)
    items = np.frombuffer(data, dtype=_INT4_ITEM, offset=_HEAD.size)
    return items["value"].astype(np.int32)


def _written(array: NDArray[Any], kind: str, element: int) -> bytes:
    if not len(array):
        return struct.pack(">iiI", 0, 0, element)
    dtype = np.dtype([("bytes", ">i4"), ("value", kind)])
    out = np.empty(len(array), dtype=dtype)
    out["bytes"] = dtype["value"].itemsize
    out["value"] = array
    return _HEAD.pack(1, 0, element, len(array), 1) + out.tobytes()


class _Dumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Int4s | Int8s | Float8s | Instants) -> bytes:
        """Give the bytes, which are ready."""
        return obj.data


class _Int4sDumper(_Dumper):
    oid = _INT4S


class _Int8sDumper(_Dumper):
    oid = _INT8S


class _Float8sDumper(_Dumper):
    oid = _FLOAT8S


class _InstantsDumper(_Dumper):
    oid = _INSTANTS


psycopg.adapters.register_dumper(Int4s, _Int4sDumper)
psycopg.adapters.register_dumper(Int8s, _Int8sDumper)
psycopg.adapters.register_dumper(Float8s, _Float8sDumper)
psycopg.adapters.register_dumper(Instants, _InstantsDumper)
