"""The thread that packs and prunes the journal while nothing else is asked of it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine

from server.archive.packing import Due, pack_one
from server.archive.retention import remove_some
from server.db.engine import explain

JOURNAL_PACKED = "journal_packed"
JOURNAL_PRUNED = "journal_pruned"
JOURNAL_FAILED = "journal_upkeep_failed"

_DAY_MS = 86_400_000
# A block of a week's batches is a third smaller than seven blocks of a day's.
_PATIENCE_MS = 7 * _DAY_MS
_REST_S = 0.5
_EVERY_S = 3600.0
# A database that was busy for a while is no reason to be called unwell for an hour.
_AFTER_FAILURE_S = 60.0
_STOP_TIMEOUT_S = 5.0

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


class JournalKeeper:
    """Looks once an hour; between two steps it leaves the database to ingest for a while."""

    def __init__(self, engine: Engine, policy: Policy, clock: Callable[[], int]) -> None:
        """Prepare; `clock` gives milliseconds UTC."""
        self.error = ""
        self._engine = engine
        self._policy = policy
        self._clock = clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the step in hand."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self._step())

    def _step(self) -> float:
        """Do one step; return for how long to rest, in seconds."""
        try:
            did = tend(self._engine, self._policy, self._clock())
        except Exception as error:  # the top of the thread: it tries again
            if not self.error:
                log.exception(JOURNAL_FAILED)
            self.error = f"the journal is not packed: {explain(self._engine.url, error)}"
            return _AFTER_FAILURE_S
        self.error = ""
        return _REST_S if did else _EVERY_S
