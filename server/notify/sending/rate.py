"""How fast a channel may send: so many a minute, some of them at once. Pure; seconds."""

from dataclasses import dataclass, field

# A sixth of a minute's messages may go at once, so that a warning waits for nobody.
_BURST_PART = 6


@dataclass(slots=True)
class Rate:
    """A bucket that fills steadily; each message takes one out."""

    per_minute: int
    _left: float = field(init=False)
    _at_s: float | None = None

    def __post_init__(self) -> None:
        """Begin full."""
        self._left = self._room

    @property
    def _room(self) -> float:
        return max(1.0, self.per_minute / _BURST_PART)

    def wait_s(self, now_s: float) -> float:
        """Say for how long to wait before the next; the instants must not go back."""
        if self._at_s is not None:
            gained = (now_s - self._at_s) * self.per_minute / 60
            self._left = min(self._room, self._left + gained)
        self._at_s = now_s
        return max(0.0, 1 - self._left) * 60 / self.per_minute

    def spend(self) -> None:
        """Take one out."""
        self._left -= 1
