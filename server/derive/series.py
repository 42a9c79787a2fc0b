"""One derived series from its source: values computed, quality inherited, gaps explained."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.quality.flags import Int32s, is_flag
from wire.quality import FLAG_MASK, Flag

SOURCE_MISSING = "source missing"
SOURCE_FAILED = "source failed its check"
NO_RESULT = "transform gives no number"

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]
Transform = Callable[..., Floats]
"""What computes a series from its sources, as arrays; see `wire.derive.transforms`."""


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """Values (NaN where missing), packed quality, and the reasons of the missing by index."""

    value: Floats
    quality: Int32s
    reasons: dict[int, str]


def derive(
    transform: Transform, source: Floats, quality: Int32s, *others: tuple[Floats, Int32s]
) -> Derived:
    """Compute a series; where a source is missing or failed, so is the result, with a reason.

    `others` are further sources, of the same instants, with their quality.
    """
    sources = [(source, quality), *others]
    missing = np.logical_or.reduce([np.isnan(value) for value, _ in sources])
    failed = np.logical_or.reduce([is_flag(one, Flag.FAIL) for _, one in sources]) & ~missing
    value = transform(*(np.where(missing | failed, np.nan, one) for one, _ in sources))
    for _, other in others:
        quality = _worse(quality, other)
    lost = ~np.isfinite(value) & ~missing & ~failed
    gap = missing | failed | lost
    reasons = {
        **_because(missing, SOURCE_MISSING),
        **_because(failed, SOURCE_FAILED),
        **_because(lost, NO_RESULT),
    }
    return Derived(np.where(gap, np.nan, value), _inherited(quality, gap), reasons)


def align(instants: Int64s, among: Int64s) -> Int64s:
    """Find where instants stand among others that are in no order; -1 where they do not."""
    if not len(among):
        return np.full(len(instants), -1, dtype=np.int64)
    order = np.argsort(among, kind="stable")
    at = np.minimum(np.searchsorted(among[order], instants), len(among) - 1)
    places: Int64s = order[at].astype(np.int64)
    places[among[places] != instants] = -1
    return places


def pick(value: Floats, quality: Int32s, places: Int64s) -> tuple[Floats, Int32s]:
    """Give values and quality at places; missing at -1."""
    there = places >= 0
    picked = np.full(len(places), np.nan)
    picked[there] = value[places[there]]
    flags = np.full(len(places), int(Flag.MISSING), dtype=np.int32)
    flags[there] = quality[places[there]]
    return picked, flags


def _worse(quality: Int32s, other: Int32s) -> Int32s:
    """Merge two qualities: suspect when either is, and all tests that spoke."""
    suspect = is_flag(other, Flag.SUSPECT)
    flag = np.where(suspect, np.int32(Flag.SUSPECT), quality & np.int32(FLAG_MASK))
    tests = (quality | other) & ~np.int32(FLAG_MASK)
    merged: Int32s = (flag | tests).astype(np.int32)
    return merged


def _because(where: NDArray[np.bool_], reason: str) -> dict[int, str]:
    return dict.fromkeys(np.flatnonzero(where).tolist(), reason)


def _inherited(quality: Int32s, gap: NDArray[np.bool_]) -> Int32s:
    tests = quality & ~np.int32(FLAG_MASK)
    return np.where(gap, tests | np.int32(Flag.MISSING), quality).astype(np.int32)
