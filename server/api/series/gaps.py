"""Where a series has a gap: much longer nothing than its spacing nearby. Pure."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from server.store.port import Floats, Int32s, Int64s

# More than this many times the usual spacing between two observations is a gap.
GAP_INTERVALS = 3
_NEIGHBOURS = 5


def usual_steps(steps: Floats, usual: float) -> Floats:
    """Give for each step the usual one there: the nominal one, or the median on either side.

    A series may have been recorded at another interval before, and that is no row of gaps.
    """
    padded = np.pad(steps, _NEIGHBOURS, constant_values=usual)
    medians = np.median(sliding_window_view(padded, _NEIGHBOURS), axis=1)
    before, after = medians[: len(steps)], medians[_NEIGHBOURS + 1 :]
    found: Floats = np.maximum(usual, np.maximum(before, after))
    return found


def breaks(
    start_ms: Int64s,
    count: Int32s,
    width_ms: int,
    interval_s: float,
    edges_ms: Int64s | None = None,
) -> Int64s:
    """Give the instants at which a line through these buckets must break.

    `count` observations lie in each bucket, none in those that are not told; the width is 0 for
    single observations. A break is the start of an empty bucket: of those that begin at `edges_ms`,
    or else of the grid of the width.
    """
    steps = np.diff(start_ms).astype(np.float64)
    if not len(steps):
        return np.empty(0, dtype=np.int64)
    spacing = steps / np.maximum(count[:-1], 1)
    # One and a half: a day is sometimes an hour longer, and no bucket is skipped for that.
    longest = np.maximum(1.5 * width_ms, GAP_INTERVALS * usual_steps(spacing, interval_s * 1000))
    before, after = start_ms[:-1][steps > longest], start_ms[1:][steps > longest]
    if edges_ms is not None:
        found: Int64s = edges_ms[np.searchsorted(edges_ms, before, side="right")]
        return found
    return before + width_ms if width_ms else (before + after) // 2
