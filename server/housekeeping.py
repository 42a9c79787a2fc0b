"""The thread that does what keeps a database in order while nothing else is asked of it."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine

from server.db.engine import explain

CHORE_FAILED = "upkeep_failed"

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
# Between two steps the database is left to ingest.
_REST_S = 0.5
# A database that was busy for a while is no reason to be called unwell for an hour.
_AFTER_FAILURE_S = 60.0
_STOP_TIMEOUT_S = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something done in steps, `every_s` seconds; a step gives after how many it wants the next.

    None: nothing is left to do for now. `failing` says what is not done while it fails, after which
    the cause is named.
    """

    name: str
    step: Callable[[], float | None]
    every_s: float
    failing: str


@dataclass(slots=True)
class _Turn:
    chore: Chore
    due_s: float
    error: str = ""


@dataclass(slots=True)
class Housekeeper:
    """Does chores by turns, one step after the other; `errors` names those that fail, and why."""

    engine: Engine
    chores: Sequence[Chore]
    _turns: list[_Turn] = field(init=False)
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._turns = [_Turn(chore, 0.0) for chore in self.chores]

    @property
    def errors(self) -> dict[str, str]:
        """Say why chores are not done, by their names."""
        return {one.chore.name: one.error for one in self._turns if one.error}

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the step in hand."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            turn = min(self._turns, key=lambda one: one.due_s)
            now_s = time.monotonic()
            if turn.due_s > now_s:
                self._stopping.wait(turn.due_s - now_s)
                continue
            turn.due_s = time.monotonic() + self._step(turn)
            self._stopping.wait(_REST_S)

    def _step(self, turn: _Turn) -> float:
        """Do one step; return for how long this chore may rest, in seconds."""
        chore = turn.chore
        try:
            rest_s = chore.step()
        except Exception as error:  # the top of the thread: it tries again
            if not turn.error:
                log.exception(CHORE_FAILED, chore=chore.name)
            turn.error = f"{chore.failing}: {explain(self.engine.url, error)}"
            return _AFTER_FAILURE_S
        turn.error = ""
        return chore.every_s if rest_s is None else rest_s
