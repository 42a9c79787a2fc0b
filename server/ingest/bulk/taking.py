"""Brings a bundle of batches into the database: one statement a step, whatever their number.

Only what is plain comes this way: batches that are new, sound and announced. All others, and all
of a bundle that the database will not have, are for the pipeline to look at one by one.
"""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from server.db.faults import is_database_fault
from server.ingest.bulk.bundle import Prepared
from server.ingest.bulk.entries import Settled, record_all
from server.ingest.bulk.merged import Merged, judge_all
from server.ingest.events import Outcome, Status, Turn
from server.ledger import book
from server.ledger.book import Epoch
from server.ledger.runs import Span, union
from server.quality.timing import FUTURE_TOLERANCE_MS
from server.store.latest import newest, update_latest
from server.store.port import LatestRow, Store

BUNDLE_FAILED = "bundle_failed"

# Fewer go as well by themselves.
_FEW = 2

log = structlog.get_logger(__name__)


def take_all(turn: Turn, store: Store, prepared: Sequence[Prepared]) -> Sequence[Outcome | None]:
    """Store all that can be stored together; None for each batch that must go by itself.

    Raises what the database itself is to blame for.
    """
    if len(prepared) < _FEW:
        return [None] * len(prepared)
    page = book.read_page(turn.connection, _spans(prepared))
    new = [one for one in prepared if not page.knows(_epoch(one), one.id.seq)]
    if len(new) < _FEW:
        return [None] * len(prepared)
    try:
        with turn.connection.begin_nested():
            latest = _store(turn, store, new)
            book.note_stored(turn.connection, page, _spans(new), turn.now_ms)
    except Exception as error:
        if is_database_fault(error, alone=False):
            raise
        log.exception(BUNDLE_FAILED, batches=len(new))
        return [None] * len(prepared)
    outcomes = {
        one.id: Outcome(Status.STORED, batch=one.id, observations=len(one.decoded.batch))
        for one in new
    }
    outcomes[new[-1].id] = replace(outcomes[new[-1].id], latest=latest)
    return [outcomes.get(one.id) for one in prepared]


def _store(turn: Turn, store: Store, prepared: Sequence[Prepared]) -> list[LatestRow]:
    merged = judge_all([one.decoded for one in prepared])
    record_all(turn.connection, [_settled(one, merged, at) for at, one in enumerate(prepared)])
    store.append(turn.connection, merged.columns)
    rows = newest(merged.columns, merged.received_at)
    return update_latest(turn.connection, rows, turn.now_ms + FUTURE_TOLERANCE_MS)


def _settled(one: Prepared, merged: Merged, at: int) -> Settled:
    start = merged.ends[at - 1] if at else 0
    times = merged.columns.time_ms[start : merged.ends[at]]
    return Settled(one, len(times), int(times.min()), int(times.max()))


def _spans(prepared: Sequence[Prepared]) -> dict[Epoch, list[Span]]:
    found: dict[Epoch, list[Span]] = {}
    for one in prepared:
        found.setdefault(_epoch(one), []).append((one.id.seq, one.id.seq))
    return {epoch: union(spans) for epoch, spans in found.items()}


def _epoch(one: Prepared) -> Epoch:
    return Epoch(one.id.gateway, one.id.epoch)
