"""Packed quality as arrays: merging what several tests say. See `wire.quality` for the packing."""

import numpy as np
from numpy.typing import NDArray

from wire.quality import FLAG_MASK, PRECEDENCE, Flag, Test

Int32s = NDArray[np.int32]
Bools = NDArray[np.bool_]

# Rank of each flag by QARTOD's precedence when tests are merged; the highest rank wins.
_RANK = np.zeros(FLAG_MASK + 1, dtype=np.int32)
for _rank, _flag in enumerate(reversed(PRECEDENCE)):
    _RANK[_flag] = _rank


def merge(quality: Int32s, where: Bools, flag: Flag, test: Test) -> Int32s:
    """Let a test speak where it did not pass: its bit is set, and its flag where that is worse.

    A missing value stays missing: the test's bit alone tells of it.
    """
    own = quality & FLAG_MASK
    worse = where & (own != Flag.MISSING) & (_RANK[flag] > _RANK[own])
    flags = np.where(worse, np.int32(flag), own)
    bits = (quality & ~np.int32(FLAG_MASK)) | np.where(where, np.int32(test), np.int32(0))
    return (bits | flags).astype(np.int32)


def is_flag(quality: Int32s, flag: Flag) -> Bools:
    """Tell which observations carry this flag."""
    carries: Bools = (quality & FLAG_MASK) == flag
    return carries
