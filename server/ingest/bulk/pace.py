"""How much to put into one transaction, so that what is live never waits long for it. Pure."""

from dataclasses import dataclass

from server.ingest.bulk.group import MAX_COST

# What is live waits for two of them, at most three: one that is committed, one that is ready, its
# own.
TARGET_S = 0.12
MIN_COST = 4_000
_WEIGHT = 0.25


@dataclass(slots=True)
class Pace:
    """Learns from what transactions took; a slow machine gets smaller ones."""

    _unit_s: float = TARGET_S / MAX_COST

    @property
    def limit(self) -> int:
        """Give what the next group may cost."""
        return round(min(MAX_COST, max(MIN_COST, TARGET_S / self._unit_s)))

    def note(self, cost: int, seconds: float) -> None:
        """Learn from a transaction; a small one tells only what it costs to have one."""
        if cost >= MIN_COST:
            self._unit_s += _WEIGHT * (seconds / cost - self._unit_s)
