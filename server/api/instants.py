"""Instants at the HTTP edge: ISO 8601 in and out, integer milliseconds UTC inside."""

import re
from datetime import datetime
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from server.db.instant import to_datetime, to_ms
from wire.batch import MAX_TIME_MS

_MS = re.compile(r"-?[0-9]{1,15}")
# In a query a plus sign that was not written as %2B arrives as a space.
_LOST_PLUS = re.compile(r" (?=[0-9]{2}:?[0-9]{2}$)")
_RULE = "write ISO 8601 with Z or an offset (2026-11-20T06:00:00Z), or milliseconds since 1970"


def parse(text: str) -> int:
    """Read an instant as milliseconds UTC; raises ValueError saying how to write one."""
    time_ms = int(text) if _MS.fullmatch(text) else _from_iso(text)
    if not 0 <= time_ms <= MAX_TIME_MS:
        raise ValueError(f"'{text}' is not between the years 1970 and 9999")
    return time_ms


def iso(time_ms: int) -> str:
    """Write an instant as ISO 8601 UTC with milliseconds, such as 2026-11-20T06:00:00.000Z."""
    return to_datetime(time_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def isos(times_ms: NDArray[np.int64]) -> list[str]:
    """Write many instants as `iso` writes one."""
    texts: list[str] = np.datetime_as_string(
        times_ms.astype("datetime64[ms]"), timezone="UTC"
    ).tolist()
    return texts


def _from_iso(text: str) -> int:
    try:
        instant = datetime.fromisoformat(_LOST_PLUS.sub("+", text))
    except ValueError:
        raise ValueError(f"'{text}' is not an instant: {_RULE}") from None
    if instant.tzinfo is None:
        raise ValueError(f"'{text}' names no time zone: {_RULE}")
    try:
        return to_ms(instant)
    except OverflowError:
        raise ValueError(f"'{text}' is not between the years 1970 and 9999") from None


def _before(value: Any) -> Any:
    return parse(value) if isinstance(value, str) else value


# In a query.
InstantParameter = Annotated[
    int,
    BeforeValidator(_before),
    WithJsonSchema({"type": "string", "examples": ["2026-11-20T06:00:00Z", "1763618400000"]}),
]
# In an answer.
Instant = Annotated[
    int,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
