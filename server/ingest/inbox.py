"""Work that waits for the worker: a long backlog of one gateway holds up no other.

Among gateways that wait each gets the same share, counted in bytes, so that a few small messages
pass many large ones. What is of one gateway keeps its order. Safe to share by threads.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from server.ingest.events import Message, WaitingBatch, Work
from wire.errors import ContractError
from wire.topics import gateway_of

# What a message costs beyond its bytes: a row in the journal, a savepoint, an acknowledgement.
_COST_BYTES = 200
# What a journalled batch is taken to have: its bytes are not here.
_WAITING_BYTES = 1000


@dataclass(slots=True)
class _Line:
    """What waits of one gateway, and what it has been given; in bytes, on a count all share."""

    given: int
    waiting: deque[Work] = field(default_factory=deque)


class Inbox:
    """Holds at most `limit` messages, and the numbers of journalled batches beside them."""

    def __init__(self, limit: int) -> None:
        """Start empty."""
        self._limit = limit
        self._lines: dict[str, _Line] = {}  # by gateway; those of which nothing waits are left out
        self._count = 0  # messages
        self._given = 0  # where the line stood that was last taken from: newcomers begin there
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """Count the messages that wait."""
        return self._count

    def gateways(self) -> set[str]:
        """Name those of which something waits."""
        with self._changed:
            return set(self._lines)

    def put(self, message: Message, timeout_s: float) -> bool:
        """Add a message; False when there was no room for it within the time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._count < self._limit, timeout_s):
                return False
            line = self._lines.setdefault(_gateway(message), _Line(self._given))
            line.waiting.append(message)
            self._count += 1
            self._changed.notify_all()
            return True

    def put_first(self, gateway: str, batches: Sequence[WaitingBatch]) -> None:
        """Put journalled batches before all else of their gateway; they always find room."""
        with self._changed:
            if batches:
                line = self._lines.setdefault(gateway, _Line(self._given))
                line.waiting.extendleft(reversed(batches))
                self._changed.notify_all()

    def take(self, most: int, timeout_s: float) -> list[Work]:
        """Wait for some work, then take at most so much of what is there; [] for none."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while not self._lines:
                if not self._changed.wait(deadline_s - time.monotonic()):
                    return []
            taken: list[Work] = []
            while self._lines and len(taken) < most:
                taken.append(self._next())
            self._changed.notify_all()
            return taken

    def _next(self) -> Work:
        """Take what is first of the gateway that has been given least."""
        gateway = min(self._lines, key=lambda one: self._lines[one].given)
        line = self._lines[gateway]
        work = line.waiting.popleft()
        self._given = line.given
        if isinstance(work, Message):
            self._count -= 1
            line.given += len(work.payload) + _COST_BYTES
        else:
            line.given += _WAITING_BYTES + _COST_BYTES
        if not line.waiting:
            del self._lines[gateway]
        return work


def _gateway(message: Message) -> str:
    """Name whose line a message stands in; what names no gateway stands in one of its own."""
    try:
        return gateway_of(message.topic)
    except ContractError:
        return ""
