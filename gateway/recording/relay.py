"""Between the bus threads and the recorder: nobody who reads a line waits for the disk.

A bus thread puts what it observed here and reads on; one thread hands it on to the recorder. A disk
that stalls for seconds would otherwise keep lines waiting in the port, to be read, and stamped,
when it is over.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Condition, Lock, Thread

import structlog

from gateway.readings import Observation
from gateway.recording.recorder import DROPPED, NO_MEMOS, Recorder
from gateway.recording.waiting import Waiting

RELAY_CRASHED = "recorder_crashed"

# While the disk stalls, this many observations wait here (about 2 MB).
RELAY_LIMIT = 5_000
RESTART_S = 1.0
# What the disk refused is tried again this often: the next reading may be an hour away, and a power
# cut before it would take what waits.
AGAIN_S = 5.0
STOP_S = 0.5

_log = structlog.get_logger(__name__)


class Relay:
    """A bounded queue and its thread. What does not fit is counted as lost, the oldest first."""

    def __init__(
        self, recorder: Recorder, left: Callable[[int], None] = lambda _count: None
    ) -> None:
        """Queue for `recorder`; until it is started, what comes waits.

        `left` hears how many observations are left at the end, as long as that changes.
        """
        self._recorder = recorder
        self._left = left
        self._closed = False
        self._changed = Condition()
        self._queue = Waiting()
        self._handing = Lock()
        self._passing = Waiting()  # has the recorder now, or had when it failed
        self._lost = 0
        self._stopping = False
        self._thread = Thread(target=self._run, name="recorder", daemon=True)

    def __call__(self, observations: Sequence[Observation]) -> None:
        """Take observations; returns at once."""
        self._put(observations, NO_MEMOS)

    def keep(self, memos: Mapping[str, str]) -> None:
        """Take memos, by datastream, to be written after what came before; returns at once."""
        self._put([], memos)

    def start(self) -> None:
        """Begin to hand on."""
        self._thread.start()

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Hand on what is there and end; a disk that stalls is not waited for any longer.

        What still comes then waits for nobody: it is handed on as it comes.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._hand_on()  # what came while it ended, or made it fail

    def close(self, timeout_s: float = STOP_S) -> None:
        """Stop for good, and tell how many observations the disk has still not taken.

        They are lost when the program ends before the disk goes on: `left` can be told of that.
        """
        self.stop(timeout_s)
        self._closed = True
        if self._thread.is_alive() and (count := self._count_left()):
            _log.error(DROPPED, count=count, reason="the disk did not take them before the stop")
            self._left(count)
            if (now := self._count_left()) != count:  # it goes on just now
                self._left(now)

    def _put(self, observations: Sequence[Observation], memos: Mapping[str, str]) -> None:
        with self._changed:
            self._queue.add(observations, memos)
            self._lost += self._queue.shed(RELAY_LIMIT)
            self._changed.notify_all()
            is_over = self._stopping and not self._thread.is_alive()
        if is_over:
            self._hand_on()

    def _count_left(self) -> int:
        with self._changed:
            here = len(self._queue.observations) + len(self._passing.observations) + self._lost
        return here + self._recorder.unnoted

    def _run(self) -> None:
        while self._wait():
            try:
                self._hand_on()
                if self._closed:  # the disk went on before the program ended
                    self._left(self._count_left())
            except Exception:  # noqa: BLE001 - top of the thread: log, and try again
                _log.exception(RELAY_CRASHED)
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, RESTART_S)
                    if self._stopping:
                        return

    def _wait(self) -> bool:
        """Wait for something to hand on, or to try again; False when there will be no more."""
        again_s = AGAIN_S if self._recorder.has_waiting else None
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._passing or self._stopping, again_s)
            return not self._stopping or bool(self._queue or self._passing)

    def _hand_on(self) -> None:
        with self._handing:
            with self._changed:
                self._passing.add(self._queue.observations, self._queue.memos)
                lost, self._lost = self._lost + self._passing.shed(RELAY_LIMIT), 0
                self._queue = Waiting()
            if lost:
                self._recorder.lose(lost)
            self._recorder(self._passing.observations, self._passing.memos)
            self._passing = Waiting()
