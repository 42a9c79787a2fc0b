"""What can be seen of a program's work from outside: on its wires and at its disk. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Protocol


class What(StrEnum):
    """One step of a batch's way from a sensor to the database."""

    # MQTT, on a gateway's link and on the server's: a batch and the answer to it, a receipt and
    # the answer to that.
    PUBLISH = "PUBLISH of a batch"
    PUBACK = "PUBACK of a batch"
    RECEIPT = "PUBLISH of a receipt"
    RECEIPT_PUBACK = "PUBACK of a receipt"
    # PostgreSQL: requests, and the database's answers.
    JOURNAL = "INSERT of a batch into the journal"
    JOURNAL_DONE = "answer to the INSERT into the journal"
    COPY = "COPY of observations"
    COPY_DONE = "answer to the COPY"
    COMMIT = "COMMIT of a batch"
    COMMIT_DONE = "answer to the COMMIT"
    COMMIT_UNKNOWN = "a COMMIT that nobody will hear the answer of"
    # SQLite's write-ahead log.
    WRITE = "first write of a commit"
    SYNC = "sync of a commit"
    SYNCED = "end of a commit's sync"


class Way(Enum):
    """Which way bytes go between who connected and who listens."""

    UP = auto()
    DOWN = auto()


class Thread(StrEnum):
    """Which of a gateway's threads is at work on its outbox."""

    BUS = "bus"  # appends what it has read
    UPLINK = "uplink"  # seals, confirms


@dataclass(frozen=True, slots=True)
class Event:
    """Something seen. `peer`: on whose wire or disk; `topics`: the batches that it is about."""

    peer: str
    what: What
    way: Way | None = None
    topics: tuple[str, ...] = ()
    thread: Thread | None = None


class Talk(Protocol):
    """One connection, understood message by message."""

    def hear(self, way: Way, data: bytes) -> Iterable[tuple[bytes, Sequence[Event]]]:
        """Take bytes; give the messages that are now complete, with what each one means."""
        ...

    def rest(self, way: Way) -> bytes:
        """Give what has come of a message that is not complete."""
        ...

    def end(self) -> Sequence[Event]:
        """Tell what the connection's end means."""
        ...
