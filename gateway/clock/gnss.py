"""The time that a satellite receiver tells on a serial line: when it is believed, and how long."""

from collections import deque

from gateway.clock.plausible import is_plausible
from gateway.codecs.gnss import Fix, Stamp, decode
from gateway.errors import FrameError

# Sentences that agree with each other within this, and how many it takes.
AGREE_MS = 1000
NEEDED = 3
# So long after its last sentence a receiver counts as gone, and a fix as lost.
FRESH_MS = 60_000
FIX_MS = 5_000
_KEPT = 10


class GnssTime:
    """Takes lines with the instants at which they arrived, on the monotonic clock."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._fix_ms: int | None = None
        self._offsets: deque[tuple[int, int]] = deque(maxlen=_KEPT)
        self._agreeing_since_ms = 0

    def hear(self, line: bytes, mono_ms: int) -> None:
        """Take a line; what is no time, or not to be believed, changes nothing."""
        try:
            told = decode(line)
        except FrameError:
            return
        if isinstance(told, Fix):
            self._fix_ms = mono_ms if told.is_valid else None
        elif told is not None:
            self._note(told, mono_ms)

    def offset_ms(self, mono_ms: int) -> int | None:
        """Wall minus monotonic, in ms; None while no receiver is believed.

        Sentences come a little after the instant they tell, so the one that came soonest is right.
        They must have come over a while: after a stall old ones are all heard at once, and each
        seems to agree with the next.
        """
        recent = [one for one in self._offsets if mono_ms - one[0] <= FRESH_MS]
        if len(recent) < NEEDED or recent[-1][0] - self._agreeing_since_ms < AGREE_MS:
            return None
        return max(offset for _, offset in recent)

    def _note(self, told: Stamp, mono_ms: int) -> None:
        """Keep an instant that is plausible and told with a fix; one that disagrees begins anew."""
        if told.is_valid is not None:
            self._fix_ms = mono_ms if told.is_valid else None
        if self._fix_ms is None or mono_ms - self._fix_ms > FIX_MS:
            return
        if not is_plausible(told.utc_ms):
            return
        offset_ms = told.utc_ms - mono_ms
        if self._offsets and abs(self._offsets[-1][1] - offset_ms) > AGREE_MS:
            self._offsets.clear()
        if not self._offsets:
            self._agreeing_since_ms = mono_ms
        self._offsets.append((mono_ms, offset_ms))
