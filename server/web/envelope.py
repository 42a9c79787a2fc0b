"""A long plot: of each bucket the mean, the lowest and the highest; of amounts the sum. Pure."""

from dataclasses import dataclass

import numpy as np

from server.api.series.assembly import Assembled
from server.store.port import Floats, Int64s


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """Columns to draw, in order of time; NaN in `value` breaks the line.

    `low` and `high` are NaN throughout for amounts and directions. Counts are of observations;
    `share` is that of the expected ones that are there, None where none is expected.
    """

    time_ms: Int64s
    value: Floats
    low: Floats
    high: Floats
    readings: int
    failed: int
    gaps: int
    share: float | None
    total: float
    bucket_ms: int


def envelope(answer: Assembled) -> Envelope:
    """Take the only series of an answer apart for drawing."""
    (told,) = answer.series
    floats, known = told.columns.floats, told.known
    band = not (known.is_amount or known.is_direction)
    none = np.full(len(answer.time_ms), np.nan)
    sums = floats["sum"]
    observed = int(told.columns.counts["n"].sum())
    return Envelope(
        answer.time_ms,
        sums if known.is_amount else floats["mean"],
        floats["min"] if band else none,
        floats["max"] if band else none,
        readings=observed,
        failed=observed - int(told.columns.counts["n_good"].sum()),
        gaps=told.gaps,
        share=told.completeness,
        total=float(np.nansum(sums)),
        bucket_ms=answer.step_ms,
    )
