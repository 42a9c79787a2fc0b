"""Statistics of a series by bucket, and how buckets are joined into wider ones. Pure, on arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from server.rollup.statistics import Bools, Floats, Int32s, Ints, Summary, direction_of
from server.store.port import Int64s

_NAMES = ("n", "n_good", "mean", "min", "max", "sum", "last", "x", "y")


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """The buckets of a series that have observations, by ascending start (ms)."""

    start_ms: Int64s
    summary: Summary

    def __len__(self) -> int:
        """Count the buckets."""
        return len(self.start_ms)

    def chosen(self, which: Bools | Ints) -> "Buckets":
        """Give some of the buckets, by mask or index."""
        return Buckets(self.start_ms[which], select(self.summary, which))


def select(summary: Summary, which: Bools | Ints) -> Summary:
    """Give some rows of a summary, by mask or index."""
    return Summary(*(getattr(summary, name)[which] for name in _NAMES))


def joined(parts: Sequence[Buckets]) -> Buckets:
    """Put the buckets of one series together that were found in different ways, in order."""
    start = np.concatenate([part.start_ms for part in parts])
    order = np.argsort(start, kind="stable")
    columns = (
        np.concatenate([getattr(part.summary, name) for part in parts])[order] for name in _NAMES
    )
    return Buckets(start[order], Summary(*columns))


def widened(buckets: Buckets, cell_ms: Int64s, *, is_direction: bool) -> Buckets:
    """Join neighbours into the cells they belong to: `cell_ms` is the start of each one's cell.

    Lowest and highest are those of the parts; of directions the unit vectors add up.
    """
    firsts = np.flatnonzero(np.diff(cell_ms, prepend=cell_ms[0] - 1)) if len(cell_ms) else cell_ms
    if len(firsts) == len(cell_ms):
        return Buckets(cell_ms, buckets.summary)
    was = buckets.summary
    n = np.add.reduceat(was.n, firsts, dtype=np.int32)
    n_good = np.add.reduceat(was.n_good, firsts, dtype=np.int32)
    total, x, y = (_total(column, was.n_good, firsts) for column in (was.sum, was.x, was.y))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean = direction_of(x, y, n_good) if is_direction else total / n_good
    index = np.maximum.reduceat(np.where(was.n_good > 0, np.arange(len(was)), -1), firsts)
    return Buckets(
        cell_ms[firsts],
        Summary(
            n,
            n_good,
            mean,
            np.fmin.reduceat(was.min, firsts),
            np.fmax.reduceat(was.max, firsts),
            total,
            np.where(index >= 0, was.last[index], np.nan),
            x,
            y,
        ),
    )


def _total(part: Floats, n_good: Int32s, firsts: Ints) -> Floats:
    """Add up; NaN where nothing is good, or where a part was too large for a double."""
    with np.errstate(over="ignore"):
        total = np.add.reduceat(np.where(n_good > 0, part, 0.0), firsts)
    found = np.add.reduceat(n_good, firsts) > 0
    return np.where(found & np.isfinite(total), total, np.nan)
