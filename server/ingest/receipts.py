"""Receipts: collected after each commit, sent at most once a second to each gateway. No I/O.

A receipt names whole ranges, and only what is committed may be added here.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from server.ingest.events import NUMBER_TAKEN, BatchId
from server.ledger.book import Epoch
from server.ledger.runs import Span
from wire.messages import Receipt, Refusal, ranges

INTERVAL_S = 1.0
# For so long a gateway's answer is waited for that may spare it from sending.
HOLD_S = 2.0
# For so long a receipt may be on its way, while its gateway still counts as it did before.
UNDER_WAY_S = 30.0
_MAX_UNDER_WAY = int(UNDER_WAY_S / INTERVAL_S) + 1


@dataclass(slots=True)
class _Pending:
    stored: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Receipts:
    """What each gateway has yet to be told. Times are seconds on any one monotonic clock."""

    interval_s: float = INTERVAL_S
    _pending: dict[str, dict[str, _Pending]] = field(default_factory=dict)
    _sent_at: dict[str, float] = field(default_factory=dict)
    _under_way: dict[Epoch, deque[tuple[float, int]]] = field(default_factory=dict)

    def add_stored(self, batch: BatchId) -> None:
        """Note a batch that is committed."""
        pending = self._of(batch)
        if pending.refused.get(batch.seq) != NUMBER_TAKEN:
            pending.refused.pop(batch.seq, None)
        pending.stored.add(batch.seq)

    def add_same(self, epoch: Epoch, spans: Sequence[Span]) -> None:
        """Note batches that were stored before, and that their gateway has not seen confirmed."""
        for first, last in spans:
            for seq in range(first, last + 1):
                self.add_stored(BatchId(epoch.gateway, epoch.name, seq))
        self._sent_at.pop(epoch.gateway, None)  # at once: until it hears so, it goes on sending

    def hold(self, gateway: str, now_s: float) -> None:
        """Send none for a moment: a gateway whose window is full sends nothing meanwhile."""
        self._sent_at[gateway] = now_s + HOLD_S - self.interval_s

    def add_refused(self, batch: BatchId, reason: str) -> None:
        """Note a batch that is journalled but cannot be used.

        Where another one is stored under its number, its gateway is told so whatever else is told.
        """
        pending = self._of(batch)
        if batch.seq not in pending.stored or reason == NUMBER_TAKEN:
            pending.refused[batch.seq] = reason

    def told(self, epoch: Epoch, now_s: float) -> int:
        """Count the batches of an outbox in receipts that wait, or that went out lately."""
        pending = self._pending.get(epoch.gateway, {}).get(epoch.name)
        waiting = len(pending.stored) + len(pending.refused) if pending else 0
        sent = self._under_way.get(epoch, deque())
        return waiting + sum(count for at_s, count in sent if at_s >= now_s - UNDER_WAY_S)

    def take_due(self, now_s: float) -> list[tuple[str, Receipt]]:
        """Take the receipts that may be sent now, with their gateways: one for each gateway."""
        due = [gateway for gateway in self._pending if now_s >= self._due_at(gateway)]
        for gateway in due:
            self._sent_at[gateway] = now_s
        return [(gateway, self._take_first(gateway, now_s)) for gateway in due]

    def take_all(self, now_s: float) -> list[tuple[str, Receipt]]:
        """Take all of them, due or not: the last thing before the end."""
        out: list[tuple[str, Receipt]] = []
        while self._pending:
            gateway = next(iter(self._pending))
            out.append((gateway, self._take_first(gateway, now_s)))
        return out

    def wait_s(self, now_s: float) -> float | None:
        """Tell how long until the next receipt is due; None when there is none."""
        if not self._pending:
            return None
        return max(0.0, min(self._due_at(gateway) for gateway in self._pending) - now_s)

    def _of(self, batch: BatchId) -> _Pending:
        epochs = self._pending.setdefault(batch.gateway, {})
        return epochs.setdefault(batch.epoch, _Pending())

    def _due_at(self, gateway: str) -> float:
        return self._sent_at.get(gateway, float("-inf")) + self.interval_s

    def _take_first(self, gateway: str, now_s: float) -> Receipt:
        epochs = self._pending[gateway]
        epoch = next(iter(epochs))
        pending = epochs.pop(epoch)
        if not epochs:
            del self._pending[gateway]
        self._note_sent(Epoch(gateway, epoch), len(pending.stored) + len(pending.refused), now_s)
        return _receipt(epoch, pending)

    def _note_sent(self, epoch: Epoch, count: int, now_s: float) -> None:
        """Note a receipt, and forget the outboxes whose last one has long arrived."""
        sent = self._under_way.pop(epoch, deque(maxlen=_MAX_UNDER_WAY))
        sent.append((now_s, count))
        self._under_way[epoch] = sent  # behind all others: the first has been silent longest
        while (first := next(iter(self._under_way.items())))[1][-1][0] < now_s - UNDER_WAY_S:
            del self._under_way[first[0]]


def _receipt(epoch: str, pending: _Pending) -> Receipt:
    refused = [
        Refusal(seq=seq, reason=reason, taken=reason == NUMBER_TAKEN)
        for seq, reason in sorted(pending.refused.items())
    ]
    return Receipt(epoch=epoch, stored=ranges(list(pending.stored)), refused=refused)
