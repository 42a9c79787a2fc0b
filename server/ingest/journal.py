"""The journal: every batch as it came, what became of it, and why. Written before it is decoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, insert, select, update

from server.archive.reading import read_payload
from server.db.tables import journal, ledger_range
from server.ingest.events import BatchId, Message, Status
from server.store.port import Columns
from wire.batch import MAX_COMPRESSED_BYTES

# What is kept of a payload that no reader would accept: enough to see what it was.
OVERSIZE_HEAD_BYTES = 4096
# A client has at most 64 messages in flight, and may connect a few times before they are through.
RECENT_ENTRIES = 200
MAX_REASON_CHARS = 300
MAX_TOPIC_CHARS = 300

# By their order as an expression SQLite finds the few entries of one kind by their identity; by the
# bare column it would go along all that the gateway ever sent.
IN_ORDER = journal.c.id + 0


@dataclass(frozen=True, slots=True)
class Entry:
    """What the journal says of one message, without its bytes."""

    id: int
    status: Status
    reason: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """How many observations a stored batch held, and the instants (ms) they span."""

    observations: int = 0
    first_time: int | None = None
    last_time: int | None = None


def content_of(columns: Columns, span_ms: tuple[int, int] | None = None) -> Content:
    """Describe what a batch measured; `span_ms` is when, unless all of it is in the columns."""
    if span_ms is None and len(columns):
        span_ms = int(columns.time_ms.min()), int(columns.time_ms.max())
    return Content(len(columns), *(span_ms or ()))


def digest_of(payload: bytes) -> bytes:
    """Identify a payload: SHA-256."""
    return sha256(payload).digest()


def record(connection: Connection, message: Message, batch: BatchId | None = None) -> int:
    """Write a message down as it came; it waits until `settle` says what became of it."""
    payload = message.payload
    if len(payload) > MAX_COMPRESSED_BYTES:
        payload = payload[:OVERSIZE_HEAD_BYTES]
    row = {
        "gateway": message.gateway,
        "topic": _plain(message.topic, MAX_TOPIC_CHARS),
        "epoch": batch.epoch if batch else None,
        "seq": batch.seq if batch else None,
        "digest": digest_of(message.payload),
        "received_at": message.received_at,
        "payload": payload,
        "retained": message.retained,
        "status": Status.WAITING.value,
    }
    journal_id: int = connection.execute(
        insert(journal).values(row).returning(journal.c.id)
    ).scalar_one()
    return journal_id


def settle(
    connection: Connection,
    journal_id: int,
    status: Status,
    reason: str = "",
    content: Content = Content(),
) -> str:
    """Write what became of a message; return the reason as it was kept."""
    kept = _plain(reason, MAX_REASON_CHARS)
    connection.execute(
        update(journal)
        .where(journal.c.id == journal_id)
        .values(
            status=status.value,
            reason=kept,
            observations=content.observations,
            first_time=content.first_time,
            last_time=content.last_time,
        )
    )
    return kept


def find(connection: Connection, batch: BatchId) -> list[Entry]:
    """List what was journalled under a batch's identity, oldest first."""
    rows = connection.execute(
        select(journal.c.id, journal.c.status, journal.c.reason, journal.c.digest)
        .where(
            journal.c.gateway == batch.gateway,
            journal.c.epoch == batch.epoch,
            journal.c.seq == batch.seq,
        )
        .order_by(journal.c.id)
    )
    return [Entry(row.id, Status(row.status), row.reason, bytes(row.digest)) for row in rows]


def newest(connection: Connection, message: Message) -> Entry | None:
    """Find the newest entry of a topic that carries no batch identity."""
    row = connection.execute(
        select(journal.c.id, journal.c.status, journal.c.reason, journal.c.digest)
        .where(
            journal.c.gateway == message.gateway,
            journal.c.epoch.is_(None),
            journal.c.topic == _plain(message.topic, MAX_TOPIC_CHARS),
        )
        .order_by(IN_ORDER.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return Entry(row.id, Status(row.status), row.reason, bytes(row.digest))


def recent_same(connection: Connection, message: Message) -> Entry | None:
    """Find the newest entry with a message's topic and bytes among the gateway's latest ones.

    Those are what a broker may deliver again; to look further back would take ever longer.
    """
    gateway = message.gateway
    recent = (
        select(journal.c.id, journal.c.topic, journal.c.digest)
        .where(journal.c.gateway == gateway)
        .order_by(journal.c.id.desc())
        .limit(RECENT_ENTRIES)
        .subquery()
    )
    row = connection.execute(
        select(journal.c.id, journal.c.status, journal.c.reason, journal.c.digest)
        .join(recent, recent.c.id == journal.c.id)
        .where(
            recent.c.topic == _plain(message.topic, MAX_TOPIC_CHARS),
            recent.c.digest == digest_of(message.payload),
        )
        .order_by(journal.c.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return Entry(row.id, Status(row.status), row.reason, bytes(row.digest))


def waiting(connection: Connection, gateway: str) -> Sequence[int]:
    """List the entries of a gateway that wait for its inventory, oldest first.

    They are found by the status: few wait, while a gateway may have sent a hundred thousand.
    """
    own = journal.c.gateway.concat("") == gateway
    return (
        connection.execute(
            select(journal.c.id)
            .where(journal.c.status == Status.WAITING.value, own)
            .order_by(journal.c.id)
        )
        .scalars()
        .all()
    )


def is_booked(connection: Connection, batch: BatchId) -> bool:
    """Tell whether a batch is stored by the ledger's word, which outlives the journal's entry."""
    row = connection.execute(
        select(ledger_range.c.last, ledger_range.c.fate)
        .where(
            ledger_range.c.gateway == batch.gateway,
            ledger_range.c.epoch == batch.epoch,
            ledger_range.c.first <= batch.seq,
        )
        .order_by(ledger_range.c.first.desc())
        .limit(1)
    ).first()
    return row is not None and batch.seq <= row.last and row.fate == Status.STORED.value


def read(connection: Connection, journal_id: int) -> tuple[Message, BatchId | None, Status]:
    """Read a message back as it came, with its identity and what became of it so far."""
    row = connection.execute(
        select(
            *(journal.c[name] for name in ("gateway", "epoch", "seq", "topic", "status")),
            *(journal.c[name] for name in ("received_at", "retained")),
        ).where(journal.c.id == journal_id)
    ).one()
    kept = read_payload(connection, journal_id)
    payload = b"" if kept is None else kept.payload
    message = Message(row.topic, payload, row.received_at, retained=row.retained)
    batch = None if row.epoch is None else BatchId(row.gateway, row.epoch, row.seq)
    return message, batch, Status(row.status)


def _plain(text: str, limit: int) -> str:
    """Keep text that both databases can hold: PostgreSQL takes no NUL and no lone surrogate."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")[:limit]
