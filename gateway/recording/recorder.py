"""Into the outbox: what it does not take now waits in memory, bounded and counted."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from types import MappingProxyType
from typing import Protocol

import structlog

from gateway.errors import StoreError
from gateway.readings import Observation
from gateway.recording.waiting import Waiting, writable

APPEND_FAILED = "append_failed"
APPEND_RECOVERED = "append_recovered"
DROPPED = "observations_dropped"

# While the disk refuses them, this many observations wait in memory (about 2 MB).
WAITING_LIMIT = 5_000

NO_MEMOS: Mapping[str, str] = MappingProxyType({})

_log = structlog.get_logger(__name__)


class Store(Protocol):
    """What is asked of the outbox; its methods raise StoreError."""

    def append(self, observations: Sequence[Observation], memos: Mapping[str, str]) -> None:
        """Keep observations, and memos beside them."""

    def count_dropped(self, count: int) -> None:
        """Note how many observations were lost in memory."""


class Recorder:
    """Keeps observations in the outbox, at once, in the caller's thread.

    While the outbox cannot be written, observations wait in memory, the oldest giving way, counted.
    """

    def __init__(self, outbox: Store, left: Callable[[int], None] = lambda _count: None) -> None:
        """Start with nothing waiting; `left` hears at the end what the outbox was not told of."""
        self._outbox = outbox
        self._left = left
        self._lock = Lock()
        self._waiting = Waiting()
        self._noted = self._told = 0
        self._is_failing = False
        self.dropped = 0

    def __call__(
        self, observations: Sequence[Observation], memos: Mapping[str, str] = NO_MEMOS
    ) -> None:
        """Keep observations, and memos that came after them. Never raises for the disk."""
        with self._lock:
            batch = Waiting([*self._waiting.observations], {**self._waiting.memos})
            batch.add([writable(one) for one in observations], memos)
            if not batch:
                return
            try:
                self._outbox.append(batch.observations, batch.memos)
            except StoreError as error:
                self._hold(batch, error)
                return
            self._waiting = Waiting()
            if self._is_failing:
                self._is_failing = False
                _log.info(APPEND_RECOVERED, count=len(batch.observations))
                self._tell_dropped()
            self._note_dropped()

    @property
    def has_waiting(self) -> bool:
        """Tell whether something waits that the outbox has refused."""
        return bool(self._waiting)

    @property
    def unnoted(self) -> int:
        """Count the observations that wait, and those given up of which the outbox knows nothing.

        Nobody waits for the disk to tell: what is under way to it counts as waiting.
        """
        return len(self._waiting.observations) + self.dropped - self._noted

    def lose(self, count: int) -> None:
        """Count observations that could not wait until they came here."""
        with self._lock:
            self._drop(count)

    def close(self) -> None:
        """Keep what still waits: the disk may have room again. What it refuses is lost."""
        self([])
        if self._waiting.observations:
            self._drop(len(self._waiting.observations))
            self._tell_dropped()
        self._left(self.dropped - self._noted)

    def _hold(self, batch: Waiting, error: StoreError) -> None:
        if not self._is_failing:
            _log.error(APPEND_FAILED, reason=str(error))
        self._is_failing = True
        if surplus := batch.shed(WAITING_LIMIT):
            self._drop(surplus)
        self._waiting = batch

    def _note_dropped(self) -> None:
        """Keep the count where the technician looks; what it could not be told of now stays due."""
        if self.dropped > self._noted:
            with suppress(StoreError):
                self._outbox.count_dropped(self.dropped - self._noted)
                self._noted = self.dropped

    def _drop(self, count: int) -> None:
        """Count; tell each time it has doubled: a log of every tick would fill the disk, too."""
        self.dropped += count
        if self.dropped >= 2 * self._told:
            self._tell_dropped()

    def _tell_dropped(self) -> None:
        if self.dropped > self._told:
            _log.error(DROPPED, count=self.dropped - self._told, total=self.dropped)
            self._told = self.dropped
