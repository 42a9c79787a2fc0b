"""What the driven process tells of what it asked of its outbox, and what it was given. Pure data.

Each message is one line of JSON. The first half of a pair is told before the outbox is called, the
second once it has returned: from there on a power cut must not take it back.
"""

import hashlib
from decimal import Decimal

import msgspec

from wire import batch as codec

# A datastream and a time in ms since the Unix epoch: what no two observations share.
Key = tuple[str, int]


class Content(msgspec.Struct, frozen=True):
    """What was observed."""

    value: Decimal | None
    flag: int
    reason: str


class Row(msgspec.Struct, frozen=True):
    """One observation."""

    key: Key
    content: Content


class Batch(msgspec.Struct, frozen=True):
    """A sealed batch: its number, what its bytes hash to, and whose observations are in it."""

    seq: int
    digest: str
    keys: list[Key]


class Opened(msgspec.Struct, frozen=True, tag=True):
    """The outbox was opened, or made."""

    epoch: str


class Appending(msgspec.Struct, frozen=True, tag=True):
    """Observations go in."""

    rows: list[Row]


class Appended(msgspec.Struct, frozen=True, tag=True):
    """The observations told of last are in."""


class SealedBatches(msgspec.Struct, frozen=True, tag=True):
    """Batches were sealed: their numbers may now be used towards the server."""

    batches: list[Batch]


class Settling(msgspec.Struct, frozen=True, tag=True):
    """The server's word on batches arrived; `state` is the one they shall have."""

    state: str
    seqs: list[int]


class Settled(msgspec.Struct, frozen=True, tag=True):
    """The word told of last is kept."""


class Pruning(msgspec.Struct, frozen=True, tag=True):
    """All confirmed batches may go from now on."""


class Condemning(msgspec.Struct, frozen=True, tag=True):
    """The file is given up: the next opening salvages it."""


Message = Opened | Appending | Appended | SealedBatches | Settling | Settled | Pruning | Condemning


def encode(message: Message) -> bytes:
    """Write a message as a line."""
    return msgspec.json.encode(message) + b"\n"


def decode(line: str) -> Message:
    """Read a message; raises msgspec.ValidationError."""
    message: Message = msgspec.json.decode(line, type=Message)
    return message


def digest_of(payload: bytes) -> str:
    """Name a batch's bytes."""
    return hashlib.sha256(payload).hexdigest()


def rows_of(payload: bytes) -> list[Row]:
    """List what a batch holds."""
    return [
        Row((series.name, one.time_ms), Content(one.value, int(one.flag), one.reason))
        for series in codec.decode(payload).series
        for one in series.samples()
    ]
