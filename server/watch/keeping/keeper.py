"""The watchkeeper: the thread that does for watches what ingest does not, in the background.

Several of them, in one program or in many, never do the same: each step takes the lock of the
gateway that it is about. Times of silence are not judged until what was queued has come.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine

from server.db.engine import explain
from server.db.faults import is_database_fault
from server.watch.keeping.afterwards import tell_afterwards
from server.watch.keeping.renewing import Renewal
from server.watch.keeping.silence import mark_silence, read_changing
from server.watch.keeping.states import judge_states
from server.watch.keeping.work import catch_up, read_behind

WATCHKEEPER_FAILED = "watchkeeper_failed"
WATCHKEEPER_WORKS = "watchkeeper_works_again"
WATCHES_STUCK = "watches_stuck"

_TICK_S = 0.5
_RENEW_S = 2.0
_CLOCK_S = 15.0
_HOURS_S = 20.0
# A gateway whose watches could not be judged is left alone for so long.
_STUCK_S = 60.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_STOP_TIMEOUT_S = 5.0
# Between two transactions, so that a writer that waits on SQLite gets in.
_REST_S = 0.02
GRACE_S = 120.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Grace:
    """Waits after a start, or a loss of the broker, until what was queued must have come."""

    is_quiet: Callable[[], bool]
    grace_s: float = GRACE_S
    _since_s: float | None = None

    def is_over(self, now_s: float) -> bool:
        """Tell whether nothing has waited to be taken in for the whole time."""
        if not self.is_quiet():
            self._since_s = None
            return False
        if self._since_s is None:
            self._since_s = now_s
        return now_s - self._since_s >= self.grace_s


@dataclass(slots=True)
class Rounds:
    """What is done in one round, and what of it is due."""

    engine: Engine
    grace: Grace
    is_stopping: Callable[[], bool] = lambda: False
    behind: int = 0
    _renewal: Renewal = field(init=False)
    _renew_s: float = float("-inf")
    _clock_s: float = float("-inf")
    _hours_s: float = float("-inf")
    _again_s: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with everything due."""
        self._renewal = Renewal(self.engine)

    def step(self, now_ms: int, now_s: float) -> bool:
        """Do what is due; tells whether more waits."""
        if now_s >= self._renew_s + _RENEW_S:
            self._renewal.step(now_ms)
            self._renew_s = now_s
        with_hours = now_s >= self._hours_s + _HOURS_S
        with self.engine.connect() as connection:
            behind = read_behind(connection, now_ms, with_hours=with_hours)
        gateways = [one for one in behind if now_s >= self._again_s.get(one, now_s)]
        if with_hours and not gateways:
            self._hours_s = now_s
        self.behind = len(behind)
        for one in gateways:
            if self.is_stopping():
                return False
            self._catch_up(one, now_ms, now_s)
            time.sleep(_REST_S)
        if now_s >= self._clock_s + _CLOCK_S and self.grace.is_over(now_s):
            self.judge_by_the_clock(now_ms)
            self._clock_s = now_s
        return bool(gateways)

    def _catch_up(self, gateway_id: str, now_ms: int, now_s: float) -> None:
        """Bring a gateway's watches up to date; one that cannot be holds up no other's."""
        try:
            catch_up(self.engine, gateway_id, now_ms)
        except Exception as error:
            if is_database_fault(error, alone=False):
                raise
            log.exception(WATCHES_STUCK, gateway=gateway_id)
            self._again_s[gateway_id] = now_s + _STUCK_S

    def judge_by_the_clock(self, now_ms: int) -> None:
        """Judge gateways first, hold back what follows, then what is silent."""
        judge_states(self.engine, now_ms)
        with self.engine.connect() as connection:
            changing = read_changing(connection, now_ms)
        for one in changing:
            mark_silence(self.engine, one, now_ms)
        tell_afterwards(self.engine, now_ms)


class Watchkeeper:
    """The rounds in a thread of their own."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], int],
        is_quiet: Callable[[], bool],
        grace_s: float = GRACE_S,
    ) -> None:
        """Prepare; `clock` gives milliseconds UTC.

        `is_quiet` tells whether the broker is connected and nothing waits to be taken in.
        """
        self.error = ""
        self._engine = engine
        self._clock = clock
        self._failures = 0
        self._stopping = threading.Event()
        self._rounds = Rounds(engine, Grace(is_quiet, grace_s), self._stopping.is_set)
        self._thread: threading.Thread | None = None

    @property
    def sentence(self) -> str:
        """Say for people how it goes."""
        if self.error:
            return self.error
        behind = self._rounds.behind
        if not behind:
            return "all watches are up to date"
        return f"the watches of {behind} gateway{'' if behind == 1 else 's'} are being judged anew"

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="watchkeeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the transaction in hand."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self._step())

    def _step(self) -> float:
        """Do one round; return for how long to rest, in seconds."""
        try:
            more = self._rounds.step(self._clock(), time.monotonic())
        except Exception as error:  # the top of the thread: it tries again
            if not self.error:
                log.exception(WATCHKEEPER_FAILED)
            self.error = f"watches are not kept: {explain(self._engine.url, error)}"
            self._failures += 1
            return min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(self._failures - 1, 16))
        if self.error:
            log.info(WATCHKEEPER_WORKS)
        self.error, self._failures = "", 0
        return _REST_S if more else _TICK_S
