"""The watchkeeper: the thread that does for watches what ingest does not, in the background.

Several of them, in one program or in many, never do the same: each step takes the lock of the
gateway that it is about. Times of silence are not judged until what was queued has come.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog
from sqlalchemy import Engine

from server.courtesy.answers import Answers
from server.db.engine import explain
from server.watch.keeping.afterwards import tell_afterwards
from server.watch.keeping.hours import EVERY_S, HourRounds
from server.watch.keeping.isolation import Isolation, Stage
from server.watch.keeping.renewing import Renewal
from server.watch.keeping.silence import mark_silence, read_changing
from server.watch.keeping.states import judge_states
from server.watch.keeping.work import catch_up, read_behind, read_late

WATCHKEEPER_FAILED = "watchkeeper_failed"
WATCHKEEPER_WORKS = "watchkeeper_works_again"

_TICK_S = 0.5
_RENEW_S = 2.0
_CLOCK_S = 15.0
# Gateways whose hours are worked on before it is looked again what else is due.
_SOME = 4
# From those it rests so many times as long as they took.
_RESTS_QUIET, _RESTS_BUSY, _LONGEST_REST_S = 4.0, 9.0, 1.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_STOP_TIMEOUT_S = 5.0
# Between two transactions, so that a writer that waits on SQLite gets in.
_REST_S = 0.02
# Before each it waits for answers that are being written, no longer than this.
_COURTESY_S = 0.25
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
    gives_way: bool = False
    answers: Answers = field(default_factory=Answers)
    isolation: Isolation = field(default_factory=Isolation)
    _renewal: Renewal = field(init=False)
    _renew_s: float = float("-inf")
    _clock_s: float = float("-inf")
    _looked_s: float = float("-inf")
    _hours: HourRounds = field(default_factory=HourRounds)

    def __post_init__(self) -> None:
        """Begin with everything due."""
        self._renewal = Renewal(self.engine, self.isolation)

    def step(self, now_ms: int, now_s: float) -> bool:
        """Do what is due; tells whether more waits."""
        self.isolation.begin(now_s)
        if now_s >= self._renew_s + _RENEW_S:
            self._hours.add(self._renewal.step(now_ms))
            self._renew_s = now_s
        late = self._look(now_ms, now_s)
        self.behind = len({*late, *self._hours.left})
        more = self._catch_up_samples(late, now_ms)
        more |= self._catch_up_hours(now_ms, now_s)
        if now_s >= self._clock_s + _CLOCK_S and self.grace.is_over(now_s):
            self.judge_by_the_clock(now_ms)
            self._clock_s = now_s
        return more and not self.is_stopping()

    def _look(self, now_ms: int, now_s: float) -> Sequence[str]:
        """Find whose records are behind: gives those by the sample, and begins a round of hours."""
        without = self.isolation.unreadable
        with self.engine.connect() as connection:
            late = read_late(connection, without)
            if self._hours.is_due(now_s):
                behind = late.hours
                if now_s >= self._looked_s + EVERY_S:
                    behind, self._looked_s = read_behind(connection, now_ms, without), now_s
                self._hours.begin(behind, now_s)
        return late.samples

    def _catch_up_samples(self, late: Sequence[str], now_ms: int) -> bool:
        """Bring up to date what judges each sample: until then ingest leaves it alone."""
        step = Stage("catch_up", self.isolation)
        free = [one for one in late if self.isolation.is_free(step.name, one)]
        for one in free:
            self._work(step, one, partial(self._catch_up, one, now_ms, with_hours=False))
        return bool(free)

    def _catch_up_hours(self, now_ms: int, now_s: float) -> bool:
        """Go on with the round of what is judged by the hour."""
        step = Stage("catch_up_hours", self.isolation)
        for one, after in self._hours.next(_SOME):
            began_s = time.monotonic()
            rest = self._work(step, one, partial(self._catch_up, one, now_ms, after=after))
            self._hours.note(one, rest)
            self._give_way(time.monotonic() - began_s)
        self._hours.rest(now_s)
        return bool(self._hours.left)

    def _give_way(self, worked_s: float) -> None:
        """Rest from the hours of a gateway, the longer while ingest has work of its own."""
        if self.gives_way:
            rests = _RESTS_QUIET if self.grace.is_quiet() else _RESTS_BUSY
            time.sleep(min(_LONGEST_REST_S, rests * worked_s))

    def _catch_up(
        self, gateway_id: str, now_ms: int, *, with_hours: bool = True, after: int = 0
    ) -> int | None:
        return catch_up(
            self.engine,
            gateway_id,
            now_ms,
            with_hours=with_hours,
            after=after,
            isolation=self.isolation,
        )

    def _work(self, step: Stage, gateway_id: str, does: Callable[[], int | None]) -> int | None:
        """Bring a gateway's watches up to date, and let others write."""
        self.answers.let_pass(time.monotonic() + _COURTESY_S, self.is_stopping)
        if self.is_stopping():
            return None
        done = step.run(gateway_id, does)
        time.sleep(_REST_S)
        return done

    def judge_by_the_clock(self, now_ms: int) -> None:
        """Judge gateways first, hold back what follows, then what is silent."""
        judge_states(self.engine, now_ms, self.isolation)
        with self.engine.connect() as connection:
            changing = read_changing(connection, now_ms)
        step = Stage("mark_silence", self.isolation)
        for one in changing:
            step.run(one, partial(mark_silence, self.engine, one, now_ms))
        tell_afterwards(self.engine, now_ms, self.isolation)


class Watchkeeper:
    """The rounds in a thread of their own."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], int],
        is_quiet: Callable[[], bool],
        grace_s: float = GRACE_S,
        answers: Answers | None = None,
    ) -> None:
        """Prepare; `clock` gives milliseconds UTC.

        `is_quiet` tells whether the broker is connected and nothing waits to be taken in. Answers
        that are being written go first.
        """
        self.error = ""
        self._engine = engine
        self._clock = clock
        self._failures = 0
        self._stopping = threading.Event()
        grace = Grace(is_quiet, grace_s)
        self._rounds = Rounds(
            engine,
            grace,
            self._stopping.is_set,
            gives_way=True,
            answers=answers or Answers(),
        )
        self._thread: threading.Thread | None = None

    @property
    def sentence(self) -> str:
        """Say for people how it goes."""
        if self.error:
            return self.error
        behind, faults = self._rounds.behind, self._rounds.isolation.sentence
        said = "all watches are up to date"
        if behind:
            said = (
                f"the watches of {behind} gateway{'' if behind == 1 else 's'} are being judged anew"
            )
        return f"{said}; {faults}" if faults else said

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
