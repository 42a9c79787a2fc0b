"""PostgreSQL's protocol 3 as far as a witness needs it: messages, statements, answers. Pure.

The clauses are of the PostgreSQL 17 manual, chapter 53: simple and extended queries, COPY, and what
comes before a connection is up.
"""

import re
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.chaos_suite.points.events import Event, Way, What
from benchmarks.chaos_suite.points.mqtt import is_batch

# 53.7, the first message of a connection carries no type, only one of these codes or a version.
_ENCRYPTION_CODES = (80877103, 80877104)  # SSLRequest, GSSENCRequest: answered by one byte
_CANCEL_CODE = 80877102
_REFUSED = b"N"
_ENCRYPTED = (b"S", b"G")
_HEAD_BYTES = 5  # type, length (which counts itself and what follows)
_UNTYPED_BYTES = 8  # length, code: the least of a first message

_COPY_JOURNAL = "COPY JOURNAL "
_BATCH_TOPIC = re.compile(rb"saxaul/1/[a-z0-9-]+/batch/[a-z0-9]+/[0-9]+")

_DONE, _EMPTY, _SUSPENDED, _ERROR, _READY = b"C", b"I", b"s", b"E", b"Z"


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement that is being carried out; `sql` None marks where the client awaits Ready."""

    sql: str | None
    topics: tuple[str, ...] = ()


_SYNC = _Statement(None)


class _Stream:
    """Cuts what one side says into messages; what comes before the first typed one has none."""

    def __init__(self) -> None:
        self.rest = b""
        self.typed = False
        self.opaque = False

    def take(self, size: int) -> bytes:
        message, self.rest = self.rest[:size], self.rest[size:]
        return message

    def next_message(self) -> bytes:
        """Give a complete message; "" while there is none."""
        if self.opaque:
            return b""
        return self._next_typed() if self.typed else self._next_untyped()

    def _next_typed(self) -> bytes:
        if len(self.rest) < _HEAD_BYTES:
            return b""
        size = 1 + int.from_bytes(self.rest[1:_HEAD_BYTES], "big")
        return self.take(size) if len(self.rest) >= size else b""

    def _next_untyped(self) -> bytes:
        if len(self.rest) < _UNTYPED_BYTES:
            return b""
        size = int.from_bytes(self.rest[:4], "big")
        self.opaque = size < _UNTYPED_BYTES  # not this protocol
        return self.take(size) if not self.opaque and len(self.rest) >= size else b""


class PostgresTalk:
    """One connection to a database, on the wire of `peer`."""

    def __init__(self, peer: str) -> None:
        """Begin with the first byte."""
        self._peer = peer
        self._front, self._back = _Stream(), _Stream()
        self._back.typed = True
        self._answers_due = 0  # to requests for encryption
        self._prepared: dict[bytes, str] = {}
        self._portals: dict[bytes, _Statement] = {}
        self._pending: deque[_Statement] = deque()
        self._copied = b""  # into the journal
        self._journalled: tuple[str, ...] = ()  # in the transaction that is open
        self._committing = False

    def hear(self, way: Way, data: bytes) -> Iterator[tuple[bytes, Sequence[Event]]]:
        """Take bytes; see Talk."""
        stream = self._front if way is Way.UP else self._back
        stream.rest += data
        following = self._next_request if way is Way.UP else self._next_answer
        while message := following():
            yield message

    def rest(self, way: Way) -> bytes:
        """See Talk."""
        return (self._front if way is Way.UP else self._back).rest

    def end(self) -> Sequence[Event]:
        """Tell of a COMMIT that was sent and not answered: it may have been carried out."""
        if not self._committing:
            return ()
        return (self._event(What.COMMIT_UNKNOWN, Way.DOWN, self._journalled),)

    # ------------------------------------------------------------ requests

    def _next_request(self) -> tuple[bytes, Sequence[Event]] | None:
        stream = self._front
        message = stream.next_message()
        if not message:
            return _whole(stream)
        if not stream.typed:
            self._note_startup(message)
            return message, ()
        return message, self._request(message[:1], message[_HEAD_BYTES:])

    def _note_startup(self, message: bytes) -> None:
        code = int.from_bytes(message[4:8], "big")
        if code in _ENCRYPTION_CODES:
            self._answers_due += 1
        elif code != _CANCEL_CODE:
            self._front.typed = True

    def _request(self, kind: bytes, body: bytes) -> Sequence[Event]:
        match kind:
            case b"Q":
                return self._run(_Statement(_text(body)), awaits_ready=True)
            case b"P":
                name, sql, *_ = body.split(b"\0", 2)
                self._prepared[name] = _text(sql)
            case b"B":
                self._bind(body)
            case b"E":
                portal = body.partition(b"\0")[0]
                return self._run(self._portals.get(portal, _Statement("")), awaits_ready=False)
            case b"S":
                self._pending.append(_SYNC)
            case b"d" if self._copies_journal():
                self._copied += body
            case b"c" if self._copies_journal():
                return self._end_of_journal()
        return ()

    def _copies_journal(self) -> bool:
        """Tell whether what is copied in are entries of the journal; a COPY is alone on its way."""
        return bool(self._pending) and _plain(self._pending[0]).startswith(_COPY_JOURNAL)

    def _end_of_journal(self) -> Sequence[Event]:
        """Name the batches whose entries were copied in: each row holds its topic as text."""
        topics = tuple(_text(one) for one in _BATCH_TOPIC.findall(self._copied))
        self._copied = b""
        statement = self._pending[0]
        self._pending[0] = _Statement(statement.sql, tuple(filter(is_batch, topics)))
        return (self._event(What.JOURNAL, Way.UP, self._pending[0].topics),)

    def _bind(self, body: bytes) -> None:
        portal, name, parameters = body.split(b"\0", 2)
        found = (_text(one) for one in _parameters(parameters))
        batches = tuple(one for one in found if is_batch(one))
        self._portals[portal] = _Statement(self._prepared.get(name, ""), batches)

    def _run(self, statement: _Statement, *, awaits_ready: bool) -> Sequence[Event]:
        self._pending.append(statement)
        if awaits_ready:
            self._pending.append(_SYNC)
        what = _requested(statement)
        if what is What.COMMIT:
            self._committing = bool(self._journalled)
            statement = _Statement(statement.sql, self._journalled)
            if not self._committing:
                return ()
        return () if what is None else (self._event(what, Way.UP, statement.topics),)

    # ------------------------------------------------------------ answers

    def _next_answer(self) -> tuple[bytes, Sequence[Event]] | None:
        stream = self._back
        if self._answers_due and stream.rest[:1] in (_REFUSED, *_ENCRYPTED):
            self._answers_due -= 1
            answer = stream.take(1)
            self._front.opaque = stream.opaque = answer in _ENCRYPTED
            return answer, ()
        message = stream.next_message()
        if not message:
            return _whole(stream)
        return message, self._answer(message[:1], message[_HEAD_BYTES:])

    def _answer(self, kind: bytes, body: bytes) -> Sequence[Event]:
        if kind == _READY:
            self._skip_to_sync()
            if self._pending:
                self._pending.popleft()
        elif kind == _ERROR:
            self._skip_to_sync()
        elif kind in (_DONE, _EMPTY, _SUSPENDED) and self._pending:
            return self._done(self._pending.popleft(), _text(body))
        return ()

    def _skip_to_sync(self) -> None:
        while self._pending and self._pending[0] is not _SYNC:
            self._pending.popleft()

    def _done(self, statement: _Statement, tag: str) -> Sequence[Event]:
        match _requested(statement):
            case What.JOURNAL:
                self._journalled += statement.topics
                return (self._event(What.JOURNAL_DONE, Way.DOWN, statement.topics),)
            case What.COPY:
                return (self._event(What.COPY_DONE, Way.DOWN, self._journalled),)
            case What.COMMIT:
                return self._committed(tag)
        if _plain(statement) == "ROLLBACK":
            self._journalled = ()
        return ()

    def _committed(self, tag: str) -> Sequence[Event]:
        """Note the end of a transaction; one that had failed is answered with ROLLBACK."""
        batches, self._journalled, self._committing = self._journalled, (), False
        if not batches or tag != "COMMIT":
            return ()
        return (self._event(What.COMMIT_DONE, Way.DOWN, batches),)

    def _event(self, what: What, way: Way, topics: tuple[str, ...]) -> Event:
        return Event(self._peer, what, way, topics)


def _whole(stream: _Stream) -> tuple[bytes, Sequence[Event]] | None:
    """Give what has come of a stream that cannot be understood."""
    return (stream.take(len(stream.rest)), ()) if stream.opaque and stream.rest else None


def _parameters(data: bytes) -> Iterator[bytes]:
    """Read a Bind's values: formats, then each value after its length, -1 for NULL (53.7)."""
    (formats,) = struct.unpack_from(">h", data)
    at = 2 + 2 * formats
    (count,) = struct.unpack_from(">h", data, at)
    at += 2
    for _ in range(count):
        (size,) = struct.unpack_from(">i", data, at)
        at += 4
        yield data[at : at + max(size, 0)]
        at += max(size, 0)


def _requested(statement: _Statement) -> What | None:
    words = _plain(statement)
    if words.startswith("INSERT INTO JOURNAL ") and statement.topics:
        return What.JOURNAL
    if words.startswith(_COPY_JOURNAL):
        return What.JOURNAL if statement.topics else None  # known at its end
    if words.startswith("COPY ") and "FROM STDIN" in words:
        return What.COPY
    return What.COMMIT if words == "COMMIT" else None


def _plain(statement: _Statement) -> str:
    return " ".join((statement.sql or "").split()).upper()


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode("utf-8", "replace")
