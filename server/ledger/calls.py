"""Has gateways send again what the broker dropped: its session of ours was new, so it kept nothing.

What a gateway published before we had subscribed went nowhere, though the broker acknowledged it.
By then it had itself subscribed on the same connection, so that the word reaches it.
"""

from collections import deque
from dataclasses import dataclass, field

from sqlalchemy import Connection, or_, select

from server.db.tables import gateway
from wire.messages import Command, CommandKind

# Who has not been heard of for longer will connect anew, and then sends all by itself.
HEARD_MS = 3 * 86_400_000
# At most this many at once, so that a hundred thousand gateways do not answer in one breath.
AT_ONCE, INTERVAL_S = 25, 0.25

AGAIN = Command(kind=CommandKind.RESEND.value)


def read_heard(connection: Connection, now_ms: int) -> list[str]:
    """List the gateways that are online, or were lately, those last heard of first."""
    rows = connection.execute(
        select(gateway.c.id)
        .where(or_(gateway.c.state == "online", gateway.c.status_at >= now_ms - HEARD_MS))
        .order_by(gateway.c.status_at.desc(), gateway.c.id)
    )
    return list(rows.scalars())


@dataclass(slots=True)
class Calls:
    """Who has yet to be told. Times are seconds on any one monotonic clock."""

    is_due: bool = False
    _left: deque[str] = field(default_factory=deque)
    _next_s: float = float("-inf")

    def begin(self, gateways: list[str]) -> None:
        """Tell these; whoever was to be told before is among them."""
        self.is_due = False
        self._left = deque(gateways)

    def take(self, now_s: float) -> list[str]:
        """Give the gateways to tell now."""
        if not self._left or now_s < self._next_s:
            return []
        self._next_s = now_s + INTERVAL_S
        return [self._left.popleft() for _ in range(min(AT_ONCE, len(self._left)))]
