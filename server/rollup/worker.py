"""The thread that works marks off in the background, with a bounded share of the machine.

Several of them, in one program or in many, never compute the same bucket at once.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine

from server.courtesy.answers import Answers
from server.db.engine import explain
from server.rollup.marks import Level
from server.rollup.plan import Pace, Waiting, is_ripe, rest_s, units
from server.rollup.work import MANY_MARKS, MOST_STARTS, Done, merge, read_waiting, work_off

ROLLUPS_FAILED = "rollups_failed"
ROLLUPS_FOUND = "rollups_work_again"
ROLLUPS_GIVEN_UP = "rollups_without_observations"

# A transaction lasts about this long. In the background it holds up answers that come meanwhile, on
# SQLite also ingest.
_AIM_S = 0.2
_AIM_BEHIND_S = 0.03
_SQLITE_AIM_S = 0.05
# Before each it waits for answers that are being written, no longer than this.
_COURTESY_S = 0.25
_IDLE_S = 2.0
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_STOP_TIMEOUT_S = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: hours and days of any series, and when the oldest was marked (ms UTC).

    So many that they reach MOST_STARTS are not all counted.
    """

    hours: int = 0
    days: int = 0
    since_ms: int | None = None

    def sentence(self, now_ms: int) -> str:
        """Say it for people."""
        if self.since_ms is None:
            return "all hourly and daily values are computed"
        minutes = max(0, now_ms - self.since_ms) // 60_000
        counts = [
            f"{count}{'+' if count >= MOST_STARTS else ''} {name}{'' if count == 1 else 's'}"
            for name, count in (("hour", self.hours), ("day", self.days))
            if count
        ]
        waits = "waits" if self.hours + self.days == 1 else "wait"
        return f"{' and '.join(counts)} {waits} to be computed, the oldest for {minutes} min"


class Workshop:
    """Works off one unit at a time."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], int],
        *,
        is_due: Callable[[Waiting, int], bool] = is_ripe,
        before_ms: int | None = None,
        aim_s: float = _AIM_S,
    ) -> None:
        """Prepare; `clock` gives milliseconds UTC.

        `is_due` tells whether to compute something by now. With `before_ms` only what was marked
        before it is looked at. A step aims to take `aim_s`.
        """
        self.backlog = Backlog()
        self.has_due = False
        self._engine = engine
        self._clock = clock
        self._is_due = is_due
        self._before_ms = before_ms
        self._seen: list[Waiting] = []
        is_sqlite = engine.dialect.name == "sqlite"
        self._pace = Pace(min(aim_s, _SQLITE_AIM_S) if is_sqlite else aim_s)

    def step(self) -> Done | None:
        """Compute the newest of what is due; None when nothing is, or others are at all of it."""
        now_ms = self._clock()
        self._seen = self._waiting()
        due = [one for one in self._seen if self._is_due(one, now_ms)]
        self.has_due = bool(due)
        for unit in units(due):
            began_s = time.monotonic()
            done = work_off(self._engine, unit, self._pace.budget[unit.level])
            if done is not None and done.marks:
                self._pace.note(unit.level, done.buckets, time.monotonic() - began_s)
                return done
        return None

    def tidy(self) -> None:
        """Put together the marks of what the last step has left."""
        for unit in units([one for one in self._seen if one.marks >= MANY_MARKS]):
            merge(self._engine, unit)

    def _waiting(self) -> list[Waiting]:
        with self._engine.connect() as connection:
            waiting = read_waiting(connection, self._before_ms)
        hours = sum(one.level is Level.HOUR for one in waiting)
        since = min((one.since_ms for one in waiting), default=None)
        self.backlog = Backlog(hours, len(waiting) - hours, since)
        return waiting


def anything(_one: Waiting, _now_ms: int) -> bool:
    """Take whatever is marked as due."""
    return True


class RollupWorker:
    """A workshop in a thread of its own, which rests as much as its share asks for."""

    def __init__(
        self,
        engine: Engine,
        share: float,
        clock: Callable[[], int],
        answers: Answers | None = None,
    ) -> None:
        """Prepare; `share` is of one core, `clock` gives milliseconds UTC.

        Answers that are being written go first.
        """
        self.error = ""
        self._answers = answers or Answers()
        self._engine = engine
        self._share = share
        self._workshop = Workshop(engine, clock, aim_s=_AIM_BEHIND_S)
        self._failures = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def backlog(self) -> Backlog:
        """What waited when it looked last."""
        return self._workshop.backlog

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="rollup", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the unit in hand."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self._step())

    def _step(self) -> float:
        """Do one unit; return for how long to rest, in seconds."""
        self._answers.let_pass(time.monotonic() + _COURTESY_S, self._stopping.is_set)
        began_s = time.monotonic()
        try:
            done = self._workshop.step()
            if done is None:
                self._workshop.tidy()
        except Exception as error:  # the top of the thread: it tries again
            if not self.error:
                log.exception(ROLLUPS_FAILED)
            self.error = f"rollups are not computed: {explain(self._engine.url, error)}"
            self._failures += 1
            return min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(self._failures - 1, 16))
        if self.error:
            log.info(ROLLUPS_FOUND)
        self.error, self._failures = "", 0
        if done is None:
            return _IDLE_S
        if done.given_up:
            log.info(ROLLUPS_GIVEN_UP, buckets=done.given_up)
        return rest_s(time.monotonic() - began_s, self._share)
