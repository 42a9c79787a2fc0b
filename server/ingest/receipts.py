"""Receipts: collected after each commit, sent at most once a second to each gateway. No I/O.

A receipt names whole ranges, and only what is committed may be added here.
"""

from dataclasses import dataclass, field

from server.ingest.events import BatchId
from wire.messages import Receipt, Refusal, ranges

INTERVAL_S = 1.0


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

    def add_stored(self, batch: BatchId) -> None:
        """Note a batch that is committed."""
        pending = self._of(batch)
        pending.refused.pop(batch.seq, None)
        pending.stored.add(batch.seq)

    def add_refused(self, batch: BatchId, reason: str) -> None:
        """Note a batch that is journalled but cannot be used."""
        pending = self._of(batch)
        if batch.seq not in pending.stored:
            pending.refused[batch.seq] = reason

    def take_due(self, now_s: float) -> list[tuple[str, Receipt]]:
        """Take the receipts that may be sent now, with their gateways: one for each gateway."""
        due = [gateway for gateway in self._pending if now_s >= self._due_at(gateway)]
        for gateway in due:
            self._sent_at[gateway] = now_s
        return [(gateway, self._take_first(gateway)) for gateway in due]

    def take_all(self) -> list[tuple[str, Receipt]]:
        """Take all of them, due or not: the last thing before the end."""
        out: list[tuple[str, Receipt]] = []
        while self._pending:
            gateway = next(iter(self._pending))
            out.append((gateway, self._take_first(gateway)))
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

    def _take_first(self, gateway: str) -> Receipt:
        epochs = self._pending[gateway]
        epoch = next(iter(epochs))
        pending = epochs.pop(epoch)
        if not epochs:
            del self._pending[gateway]
        return _receipt(epoch, pending)


def _receipt(epoch: str, pending: _Pending) -> Receipt:
    refused = [Refusal(seq=seq, reason=pending.refused[seq]) for seq in sorted(pending.refused)]
    return Receipt(epoch=epoch, stored=ranges(list(pending.stored)), refused=refused)
