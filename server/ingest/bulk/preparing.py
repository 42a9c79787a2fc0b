"""The stage before the database: while one group is committed, the next is read and computed.

At most one group is ready, and what it was made of is out of the inbox: so little is held in
memory, and what is live overtakes all that still waits there.
"""

import threading
import time
from collections.abc import Callable, Sequence

import structlog

from server.courtesy.answers import Answers
from server.ingest.bulk.group import Gathering, Group
from server.ingest.bulk.names import Names
from server.ingest.bulk.pace import Pace
from server.ingest.events import Work
from server.ingest.inbox import Inbox

PREPARING_STOPPED = "preparing_stopped"

# What comes within this time of the last group goes together; what comes alone goes at once.
LINGER_S = 0.05
# So much longer a group waits for answers that are being written.
COURTESY_S = 0.05
_SOME = 32  # taken from the inbox at a time
_IDLE_S = 0.25
_LOOK_S = 0.004

log = structlog.get_logger(__name__)


class Preparing:
    """Takes from the inbox and hands over groups; one thread of its own."""

    def __init__(
        self,
        inbox: Inbox,
        names: Names,
        pace: Pace,
        on_death: Callable[[Exception], None],
        meet: Callable[[Sequence[Work]], None] = lambda _works: None,
    ) -> None:
        """Prepare; the thread calls `on_death` when it ends without being asked to.

        It has whoever is to be bundled met before.
        """
        self.answers = Answers()
        self._inbox = inbox
        self._names = names
        self._pace = pace
        self._on_death = on_death
        self._meet = meet
        self._ready: Group | None = None
        self._is_wanted = False
        self._handed_over_s = float("-inf")
        self._courtesy_ends_s = float("-inf")
        self._is_behind = False
        self._over: list[Work] = []  # taken, and too much for the last group
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prepare", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End; what was taken in and not handed over stays with the broker."""
        self._stopping.set()
        self._inbox.wake()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def take(self, timeout_s: float) -> Group | None:
        """Wait for a group; None when there was none within the time."""
        with self._changed:
            if self._ready is None:
                self._is_wanted = True
                self._inbox.wake()
                self._changed.wait_for(lambda: self._ready or self._stopping.is_set(), timeout_s)
            group, self._ready = self._ready, None
            self._is_wanted = False
            self._changed.notify_all()
            return group

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                gathering = self._gather()
                self._is_behind = gathering.is_full
                if not gathering.is_empty:
                    self._hand_over(gathering.close())
        except Exception as error:
            log.exception(PREPARING_STOPPED)
            self._on_death(error)

    def _gather(self) -> Gathering:
        """Put together what there is: until it is enough, or is wanted and nothing more waits."""
        gathering = Gathering(self._names, self._pace.limit)
        some = self._over or self._inbox.take(_SOME, _IDLE_S, self._stopping.is_set)
        due_s = max(time.monotonic(), self._handed_over_s + LINGER_S)
        # After a full group there is more than that: who is behind does not wait for anybody.
        self._courtesy_ends_s = float("-inf") if self._is_behind else due_s + COURTESY_S
        self._fill(gathering, some)
        while not (gathering.is_empty or gathering.is_full or self._stopping.is_set()):
            some = self._inbox.take(_SOME, self._patience_s(), self._is_due)
            if not some and self._is_due():
                break
            self._fill(gathering, some)
        return gathering

    def _fill(self, gathering: Gathering, works: list[Work]) -> None:
        self.answers.let_pass(self._courtesy_ends_s, self._stopping.is_set)
        self._meet(works)
        for at, one in enumerate(works):
            if gathering.is_full:
                self._over = works[at:]
                return
            gathering.add(one)
        self._over = []

    def _is_due(self) -> bool:
        """Tell whether what was gathered should go."""
        if self._stopping.is_set():
            return True
        now_s = time.monotonic()
        if not self._is_wanted or now_s < self._handed_over_s + LINGER_S:
            return False
        return now_s >= self._courtesy_ends_s or not self.answers.are_written()

    def _patience_s(self) -> float:
        """Tell how long to wait for more: until it may go, or else until it is wanted."""
        left_s = self._handed_over_s + LINGER_S - time.monotonic()
        if left_s <= 0 and self._is_wanted:
            return _LOOK_S  # an answer is being written
        return left_s if 0 < left_s < _IDLE_S else _IDLE_S

    def _hand_over(self, group: Group) -> None:
        """Give a group away, and wait until it is taken: no more than one is made ahead."""
        with self._changed:
            self._ready = group
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ready is None or self._stopping.is_set())
        self._handed_over_s = time.monotonic()
