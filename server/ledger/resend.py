"""Asks a gateway for what has not arrived: which batches, and not too often."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from server.ledger.book import Epoch
from server.ledger.pauses import Pauses
from server.ledger.runs import Span, head
from server.ledger.tally import Tally, read_holes
from wire.messages import MAX_RANGES, MAX_RESENT, Command, CommandKind


@dataclass(frozen=True, slots=True)
class Wanted:
    """Batches of one outbox file that are missing though its gateway takes them for delivered."""

    epoch: Epoch
    spans: Sequence[Span]


def find_wanted(connection: Connection, gateway: str, reported: Sequence[Tally]) -> list[Wanted]:
    """Look for holes in the epochs that a gateway reports, the oldest batches first.

    What it counts as unconfirmed it sends by itself; only when more is missing than that, something
    it holds for delivered is not here (any more).
    """
    found: list[Wanted] = []
    for tally in reported:
        if tally.has_unsent_holes:
            epoch = Epoch(gateway, tally.epoch)
            holes = head(read_holes(connection, epoch, tally.sealed, MAX_RANGES), MAX_RESENT)
            if holes:
                found.append(Wanted(epoch, holes))
    return found


@dataclass(slots=True)
class Resends:
    """What was asked for, and when. Times are seconds on any one monotonic clock."""

    _pauses: Pauses = field(default_factory=Pauses)

    def take(self, wanted: Sequence[Wanted], now_s: float) -> tuple[str, Command] | None:
        """Give the command to send now, with its gateway: one a minute, an epoch at a time."""
        for one in wanted:
            if self._pauses.is_due(one.epoch, one.spans, now_s):
                kind, spans = CommandKind.RESEND.value, list(one.spans)
                return one.epoch.gateway, Command(kind=kind, epoch=one.epoch.name, ranges=spans)
        return None
