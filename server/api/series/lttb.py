"""Largest triangle three buckets: the points that draw a line most like the whole one. Pure.

Steinarsson, "Downsampling Time Series for Visual Representation", University of Iceland 2013,
section 4.2. Unlike there, a gap stays one: each stretch without a gap is thinned by itself.
"""

import numpy as np
from numpy.typing import NDArray

from server.store.port import Floats, Int64s

Indices = NDArray[np.intp]


def thin(time_ms: Int64s, value: Floats, points: int) -> Indices:
    """Choose at most `points` indices, first and last among them; values are all numbers."""
    count = len(time_ms)
    if count <= points:
        return np.arange(count)
    if points < 3:
        return np.array([0, count - 1][:points], dtype=np.intp)
    edges = np.linspace(1, count - 1, points - 1).astype(np.intp)
    x = (time_ms - time_ms[0]).astype(np.float64)
    sums_x, sums_y = (
        np.concatenate([[0.0], np.cumsum(x)]),
        np.concatenate([[0.0], np.cumsum(value)]),
    )
    lengths = np.diff(edges)
    mean_x = np.append(np.diff(sums_x[edges]) / lengths, x[-1])
    mean_y = np.append(np.diff(sums_y[edges]) / lengths, value[-1])
    chosen, at = [0], 0
    for bucket, (first, end) in enumerate(
        zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ):
        next_x, next_y = mean_x[bucket + 1], mean_y[bucket + 1]
        area = np.abs(
            (x[at] - next_x) * (value[first:end] - value[at])
            - (x[at] - x[first:end]) * (next_y - value[at])
        )
        at = first + int(area.argmax())
        chosen.append(at)
    return np.array([*chosen, count - 1], dtype=np.intp)


def thin_stretches(time_ms: Int64s, value: Floats, stretch: Int64s, points: int) -> Indices:
    """Thin each stretch by its share of the points; `stretch` numbers them, ascending.

    Every stretch keeps its ends, so of very many short ones more than `points` may remain.
    """
    if not len(stretch):
        return np.empty(0, dtype=np.intp)
    starts = np.flatnonzero(np.diff(stretch, prepend=stretch[0] - 1))
    ends = np.append(starts[1:], len(stretch))
    kept = []
    for first, end in zip(starts.tolist(), ends.tolist(), strict=True):
        share = max(2, points * (end - first) // len(stretch))
        kept.append(first + thin(time_ms[first:end], value[first:end], share))
    return np.concatenate(kept)
