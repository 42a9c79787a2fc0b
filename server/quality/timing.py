"""What the clock says about an observation: instants ahead of us, and clocks nobody vouches for."""

import numpy as np
from numpy.typing import NDArray

from server.quality.flags import Int32s, merge
from wire.messages import ClockSource
from wire.quality import Flag, Test

# From the contract: two clocks that are both right differ by less than this.
FUTURE_TOLERANCE_MS = 5 * 60 * 1000


def future_time(time_ms: NDArray[np.int64], quality: Int32s, received_at: int) -> Int32s:
    """Suspect what was stamped more than five minutes after it was received."""
    ahead = time_ms > received_at + FUTURE_TOLERANCE_MS
    return merge(quality, ahead, Flag.SUSPECT, Test.FUTURE_TIME)


def unknown_clock(quality: Int32s, clock: ClockSource) -> Int32s:
    """Suspect everything that a clock of unknown source stamped."""
    if clock is not ClockSource.UNKNOWN:
        return quality
    everywhere = np.ones(len(quality), dtype=np.bool_)
    return merge(quality, everywhere, Flag.SUSPECT, Test.CLOCK_UNKNOWN)
