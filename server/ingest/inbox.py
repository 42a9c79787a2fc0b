"""Work that waits to be taken in: a long backlog of one gateway holds up no other.

Among gateways that wait each gets the same share, counted in bytes, so that a few small messages
pass many large ones. What is of one gateway keeps its order. Safe to share by threads.
"""

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

from server.ingest.events import Message, WaitingBatch, Work
from wire.errors import ContractError
from wire.topics import BatchTopic, parse_up

# What a message costs beyond its bytes: a row in the journal, an acknowledgement.
_COST_BYTES = 200
# What a journalled batch is taken to have: its bytes are not here.
_WAITING_BYTES = 1000
# What a message takes in memory beyond its payload.
_OBJECT_BYTES = 800


@dataclass(slots=True, order=True)
class _Line:
    """What waits of one gateway, and what it has been given; in bytes, on a count all share."""

    given: int
    number: int  # of two that were given the same, the elder line is first
    gateway: str
    waiting: deque[Work] = field(default_factory=deque, compare=False)


class Inbox:
    """Holds messages of at most `limit` bytes, and numbers of journalled batches beside them."""

    def __init__(self, limit: int) -> None:
        """Start empty."""
        self._limit = limit
        self._lines: dict[str, _Line] = {}  # by gateway; those of which nothing waits are left out
        self._order: list[_Line] = []  # the same as a heap
        self._numbers = count()
        self._messages = 0
        self._bytes = 0
        self._given = 0  # where the line stood that was last taken from: newcomers begin there
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """Count the messages that wait."""
        return self._messages

    def put(self, message: Message, timeout_s: float) -> bool:
        """Add a message; False when there was no room for it within the time.

        One that is larger than all there is room for finds it when nothing else waits.
        """
        size = _size(message)
        with self._changed:
            if self._bytes and self._bytes + size > self._limit:
                is_room = self._changed.wait_for(lambda: self._has_room(size), timeout_s)
                if not is_room:
                    return False
            self._line(message.gateway).waiting.append(message)
            self._messages += 1
            self._bytes += size
            self._changed.notify_all()
            return True

    def put_first(self, works: Iterable[Work]) -> None:
        """Put work before all else of its gateway, in its order; it always finds room."""
        with self._changed:
            for one in reversed(list(works)):
                self._line(one.gateway).waiting.appendleft(one)
                if isinstance(one, Message):
                    self._messages += 1
                    self._bytes += _size(one)
            self._changed.notify_all()

    def take(
        self, most: int, timeout_s: float, is_enough: Callable[[], bool] = lambda: False
    ) -> list[Work]:
        """Wait for some work, then take at most so much of what is there; [] for none.

        The wait ends early when it `is_enough`, which is looked at whenever one is woken.
        """
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while not self._order:
                left_s = deadline_s - time.monotonic()
                if is_enough() or left_s <= 0 or not self._changed.wait(left_s):
                    break
            taken: list[Work] = []
            while self._order and len(taken) < most:
                taken.append(self._next())
            if taken:
                self._changed.notify_all()
            return taken

    def wake(self) -> None:
        """Have who waits look again whether it is enough."""
        with self._changed:
            self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        return not self._bytes or self._bytes + size <= self._limit

    def _line(self, gateway: str) -> _Line:
        line = self._lines.get(gateway)
        if line is None:
            line = self._lines[gateway] = _Line(self._given, next(self._numbers), gateway)
            heapq.heappush(self._order, line)
        return line

    def _next(self) -> Work:
        """Take what is first of the gateway that has been given least."""
        line = self._order[0]
        work = line.waiting.popleft()
        self._given = line.given
        if isinstance(work, Message):
            self._messages -= 1
            self._bytes -= _size(work)
            line.given += len(work.payload) + _COST_BYTES
        else:
            line.given += _WAITING_BYTES + _COST_BYTES
        if line.waiting:
            heapq.heapreplace(self._order, line)
        else:
            heapq.heappop(self._order)
            del self._lines[line.gateway]
        return work


def _size(message: Message) -> int:
    return len(message.payload) + _OBJECT_BYTES


def is_batch(work: Work) -> bool:
    """Tell whether it is a batch: those of a gateway may come in any order."""
    if isinstance(work, WaitingBatch):
        return True
    try:
        return isinstance(parse_up(work.topic), BatchTopic)
    except ContractError:
        return False
