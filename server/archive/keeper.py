"""The journal's upkeep: packing and pruning, as a chore of the housekeeper."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine

from server.archive.packing import Due, pack_one
from server.archive.retention import remove_some
from server.housekeeping import HOUR_S, Chore

JOURNAL_PACKED = "journal_packed"
JOURNAL_PRUNED = "journal_pruned"

_DAY_MS = 86_400_000
# A block of a week's batches is a third smaller than seven blocks of a day's.
_PATIENCE_MS = 7 * _DAY_MS

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """For how long payloads stay as they came, and entries at all; in days, 0 keeps for ever."""

    pack_after_days: int
    keep_days: int


def tend(engine: Engine, policy: Policy, now_ms: int) -> bool:
    """Do one step: a block packed, or something old removed; False when nothing is to be done."""
    if policy.keep_days:
        removed = remove_some(engine, now_ms - policy.keep_days * _DAY_MS)
        if removed:
            log.info(JOURNAL_PRUNED, entries=removed)
            return True
    before_ms = now_ms - policy.pack_after_days * _DAY_MS
    packed = pack_one(engine, Due(before_ms, before_ms - _PATIENCE_MS))
    if packed:
        log.info(JOURNAL_PACKED, entries=packed)
    return packed > 0


def chore(engine: Engine, policy: Policy, clock: Callable[[], int]) -> Chore:
    """Have it done once an hour; `clock` gives milliseconds UTC."""

    def step() -> float | None:
        return 0.0 if tend(engine, policy, clock()) else None

    return Chore("journal", step, HOUR_S, "the journal is not packed")
