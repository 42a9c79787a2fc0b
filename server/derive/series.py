"""One derived series from its source: values computed, quality inherited, gaps explained."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.derive.transforms import Floats, Transform
from server.quality.flags import Int32s, is_flag
from wire.quality import FLAG_MASK, Flag

SOURCE_MISSING = "source missing"
SOURCE_FAILED = "source failed its check"
NO_RESULT = "transform gives no number"


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """Values (NaN where missing), packed quality, and the reasons of the missing by index."""

    value: Floats
    quality: Int32s
    reasons: dict[int, str]


def derive(transform: Transform, source: Floats, quality: Int32s) -> Derived:
    """Compute a series; where the source is missing or failed, so is the result, with a reason."""
    missing = np.isnan(source)
    failed = is_flag(quality, Flag.FAIL) & ~missing
    value = transform(np.where(missing | failed, np.nan, source))
    lost = ~np.isfinite(value) & ~missing & ~failed
    gap = missing | failed | lost
    reasons = {
        **_because(missing, SOURCE_MISSING),
        **_because(failed, SOURCE_FAILED),
        **_because(lost, NO_RESULT),
    }
    return Derived(np.where(gap, np.nan, value), _inherited(quality, gap), reasons)


def _because(where: NDArray[np.bool_], reason: str) -> dict[int, str]:
    return dict.fromkeys(np.flatnonzero(where).tolist(), reason)


def _inherited(quality: Int32s, gap: NDArray[np.bool_]) -> Int32s:
    tests = quality & ~np.int32(FLAG_MASK)
    return np.where(gap, tests | np.int32(Flag.MISSING), quality).astype(np.int32)
