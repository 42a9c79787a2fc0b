"""When to seal: small batches while they can be sent at once, larger ones when they must wait.

A batch costs a row, a place in flight and a receipt, however little is in it, and what is packed
together packs better. So while nothing can be sent, observations stay pending (they are on the
disk like any batch) until a day's worth is there. Pure.
"""

from collections.abc import Callable

from gateway.outbox import Pending

# How long observations that cannot be sent may stay pending: a day together takes a third less on
# the wire than its hours each by itself (decision 0022).
PATIENCE_MS = 86_400_000


class Pace:
    """Decides about sealing for one outbox. Times are monotonic milliseconds."""

    def __init__(self, period_ms: int, now_ms: int) -> None:
        """Begin: what an earlier run left pending is sealed as soon as it can be sent."""
        self._period_ms = period_ms
        self._open_at_ms = now_ms
        self._look_at_ms = now_ms
        self._patient_until_ms = now_ms + max(PATIENCE_MS, period_ms)
        self._held = 0

    def due(self, now_ms: int, *, can_send: bool, ask: Callable[[], Pending]) -> bool:
        """Tell whether to seal now; `can_send`: a live batch would leave at once.

        Without that, what is pending is asked for, once each period.
        """
        if can_send:
            return now_ms >= self._open_at_ms
        if now_ms < self._look_at_ms:
            return False
        self._look_at_ms = now_ms + self._period_ms
        if now_ms >= self._patient_until_ms:
            return True
        pending = ask()
        return pending.count - self._held >= pending.enough

    def tried(self, now_ms: int) -> None:
        """Note that sealing begins: if it fails, it is tried again after a period."""
        self._open_at_ms = self._look_at_ms = now_ms + self._period_ms

    def sealed(self, now_ms: int, held: int) -> None:
        """Note that all was sealed that may go; `held` observations wait for a known clock."""
        self._patient_until_ms = now_ms + max(PATIENCE_MS, self._period_ms)
        self._held = held

    def more(self) -> None:
        """Note that a sealing had to leave some behind: what is due of it goes on at once."""
        self._open_at_ms = self._look_at_ms = 0
