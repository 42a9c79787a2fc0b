"""Writes an assembled answer as JSON, in the shape that `server.api.series.schemas` documents."""

from typing import Any

import msgspec

from server.api.instants import iso, isos
from server.api.series.assembly import Assembled, Told

_DIGITS = 4


def encode(answer: Assembled) -> bytes:
    """Write it; a number that is missing is null."""
    question = answer.question
    return msgspec.json.encode(
        {
            "from": iso(question.span.from_ms),
            "to": iso(question.span.to_ms),
            "resolution": answer.level.value,
            "step_s": answer.step_ms / 1000 if answer.step_ms else None,
            "downsample": question.downsample.value,
            "time": isos(answer.time_ms),
            "series": [_one(told) for told in answer.series],
        }
    )


def _one(told: Told) -> dict[str, Any]:
    known, columns = told.known, told.columns
    floats = {name: column.tolist() for name, column in columns.floats.items()}  # NaN is null
    is_direction = known.is_direction
    return {
        "datastream": known.id,
        "name": known.name,
        "unit": known.unit,
        "aggregate": known.aggregate,
        "interval_s": known.interval_s,
        "time_zone": known.time_zone,
        "mean": floats["mean"],
        "min": None if is_direction else floats["min"],
        "max": None if is_direction else floats["max"],
        "sum": floats["sum"] if known.is_amount else None,
        "last": floats["last"] if known.is_stepped else None,
        **{name: column.tolist() for name, column in columns.counts.items()},
        "expected": told.expected,
        "completeness": None if told.completeness is None else round(told.completeness, _DIGITS),
    }
