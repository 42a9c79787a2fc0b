"""Asks a gateway for what has not arrived: which batches, and not too often."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from server.ledger.book import Epoch
from server.ledger.runs import Span, head
from server.ledger.tally import read_holes, read_tallies
from wire.messages import MAX_RANGES, MAX_RESENT, Command, CommandKind

INTERVAL_S = 60.0
# While the same is missing, the same is asked for less and less often, down to this.
LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Batches of one outbox file that are missing though its gateway takes them for delivered."""

    epoch: Epoch
    spans: Sequence[Span]


def find_wanted(connection: Connection, gateway: str, reported: Sequence[str]) -> list[Wanted]:
    """Look for holes in the epochs that a gateway reports, the oldest batches first.

    What it counts as unconfirmed it sends by itself; only when more is missing than that, something
    it holds for delivered is not here (any more).
    """
    found: list[Wanted] = []
    for tally in read_tallies(connection, gateway):
        if tally.epoch in reported and tally.has_unsent_holes:
            epoch = Epoch(gateway, tally.epoch)
            holes = head(read_holes(connection, epoch, tally.sealed, MAX_RANGES), MAX_RESENT)
            if holes:
                found.append(Wanted(epoch, holes))
    return found


@dataclass(slots=True)
class _Asked:
    spans: Sequence[Span]
    at_s: float
    pause_s: float


@dataclass(slots=True)
class Resends:
    """When each gateway was last asked. Times are seconds on any one monotonic clock."""

    _asked_at: dict[str, float] = field(default_factory=dict)
    _asked: dict[Epoch, _Asked] = field(default_factory=dict)

    def take(self, wanted: Sequence[Wanted], now_s: float) -> tuple[str, Command] | None:
        """Give the command to send now, with its gateway: one a minute, an epoch at a time."""
        for one in wanted:
            gateway = one.epoch.gateway
            if now_s < self._asked_at.get(gateway, float("-inf")) + INTERVAL_S:
                continue
            if self._is_due(one, now_s):
                self._asked_at[gateway] = now_s
                return gateway, Command(
                    kind=CommandKind.RESEND.value, epoch=one.epoch.name, ranges=list(one.spans)
                )
        return None

    def _is_due(self, one: Wanted, now_s: float) -> bool:
        """Tell whether to ask, and note it: at once for something new, else after a pause."""
        before = self._asked.get(one.epoch)
        pause_s = INTERVAL_S
        if before is not None and before.spans == one.spans:
            if now_s < before.at_s + before.pause_s:
                return False
            pause_s = min(LONGEST_S, 2 * before.pause_s)
        self._asked[one.epoch] = _Asked(one.spans, now_s, pause_s)
        return True
