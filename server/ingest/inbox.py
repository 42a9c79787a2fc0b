"""Messages that wait for the worker: a long backlog of one gateway holds up no other.

Among gateways that wait each gets the same share, counted in bytes, so that a few small messages
pass many large ones. Those of one gateway keep their order. Safe to share by threads.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from server.ingest.events import Message
from wire.errors import ContractError
from wire.topics import gateway_of

# What a message costs beyond its bytes: a row in the journal, a savepoint, an acknowledgement.
_COST_BYTES = 200


@dataclass(slots=True)
class _Line:
    """What waits of one gateway, and what it has been given; in bytes, on a count all share."""

    given: int
    waiting: deque[Message] = field(default_factory=deque)


class Inbox:
    """Holds at most `limit` messages."""

    def __init__(self, limit: int) -> None:
        """Start empty."""
        self._limit = limit
        self._lines: dict[str, _Line] = {}  # by gateway; those of which nothing waits are left out
        self._count = 0
        self._given = 0  # where the line stood that was last taken from: newcomers begin there
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """Count the messages that wait."""
        return self._count

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

    def take(self, most: int, timeout_s: float) -> list[Message]:
        """Wait for a message, then take at most so many of what is there; [] for none."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while not self._count:
                if not self._changed.wait(deadline_s - time.monotonic()):
                    return []
            taken = [self._next() for _ in range(min(most, self._count))]
            self._changed.notify_all()
            return taken

    def _next(self) -> Message:
        """Take the first message of the gateway that has been given least."""
        gateway = min(self._lines, key=lambda one: self._lines[one].given)
        line = self._lines[gateway]
        message = line.waiting.popleft()
        self._given = line.given
        line.given += len(message.payload) + _COST_BYTES
        if not line.waiting:
            del self._lines[gateway]
        self._count -= 1
        return message


def _gateway(message: Message) -> str:
    """Name whose line a message stands in; what names no gateway stands in one of its own."""
    try:
        return gateway_of(message.topic)
    except ContractError:
        return ""
