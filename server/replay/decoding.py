"""One entry of the journal turned into observations once more: decode, resolve, check, derive."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, select

from server.archive.block import Kept
from server.archive.reading import read_payloads
from server.catalog.resolve import SeriesRef
from server.db.tables import journal
from server.ingest import packs
from server.ingest.arrays import Named, UnannouncedError, judge, name
from server.ingest.events import BatchId, Status
from server.ingest.journal import Content, content_of
from server.ingest.pipeline import AGE_UNKNOWN
from server.replay.timeline import Timeline
from server.store.port import Columns
from wire import batch as batches
from wire.errors import ContractError

ENTRY_FAILED = "entry_failed"

_CUT_SHORT = "only its beginning was kept, since it was larger than any batch may be"
_MANY = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the journal with its bytes; `batch` is None for a SenML pack."""

    id: int
    batch: BatchId | None
    received_at: int
    status: Status
    retained: bool
    kept: Kept


@dataclass(frozen=True, slots=True)
class Made:
    """What an entry yields. Of two entries with one key, that with the lower `place` counts.

    `place` is when an entry could first be stored, and then its id; `left_out` says what of it
    cannot be.
    """

    place: tuple[int, int]
    received_at: int
    columns: Columns
    content: Content
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """An entry that yields nothing, and why; `waits` when only an inventory is missing."""

    reason: str
    waits: bool


def read_entries(connection: Connection, ids: Sequence[int]) -> Iterator[Entry]:
    """Read entries with their bytes, in no order; one that was removed meanwhile is left out."""
    names = ("id", "gateway", "epoch", "seq", "received_at", "status", "retained")
    for start in range(0, len(ids), _MANY):
        some = ids[start : start + _MANY]
        rows = connection.execute(
            select(*(journal.c[name] for name in names)).where(journal.c.id.in_(some))
        )
        found = {row.id: row for row in rows}
        for journal_id, kept in read_payloads(connection, some):
            row = found[journal_id]
            batch = None if row.epoch is None else BatchId(row.gateway, row.epoch, row.seq)
            yield Entry(row.id, batch, row.received_at, Status(row.status), row.retained, kept)


def make(entry: Entry, timeline: Timeline) -> Made | Failed:
    """Turn an entry into observations, by the first inventory that announces all its names."""
    try:
        return _make(entry, timeline)
    except ContractError as error:
        return Failed(str(error), waits=False)
    except UnannouncedError as error:
        return Failed(str(error), waits=True)
    except Exception as error:  # one absurd batch must not stop the replay of the others
        log.exception(ENTRY_FAILED, entry=entry.id)
        return Failed(f"could not be used: {type(error).__name__}: {error}", waits=False)


def _make(entry: Entry, timeline: Timeline) -> Made:
    if not entry.kept.is_whole:
        raise ContractError(_CUT_SHORT)
    since, named = _resolve(entry, timeline, _reader(entry, timeline))
    measured, columns = judge(named.pieces, named.clock, entry.received_at)
    content = content_of(measured, named.span_ms)
    return Made((since, entry.id), entry.received_at, columns, content, named.left_out)


_Read = Callable[[Mapping[str, SeriesRef]], Named]


def _reader(entry: Entry, timeline: Timeline) -> _Read:
    """Decode an entry; what is given back finds the datastreams among names, once or often."""
    payload = entry.kept.payload
    if entry.batch is not None:
        decoded = batches.decode(payload)
        return lambda refs: name(decoded, refs)
    pack = packs.read(payload, entry.received_at)
    if pack.is_relative and entry.retained:
        raise ContractError(AGE_UNKNOWN)
    return lambda refs: packs.name(pack, refs, timeline.units)


def _resolve(entry: Entry, timeline: Timeline, read: _Read) -> tuple[int, Named]:
    why = UnannouncedError("no inventory has come yet")
    for since, refs in timeline.from_entry(entry.id):
        try:
            return since, read(refs)
        except UnannouncedError as error:
            why = error
    raise why
