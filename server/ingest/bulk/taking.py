"""Brings a bundle of batches into the database: one statement a step, whatever their number.

Only what is plain comes this way: batches that are new, sound and announced. All others, and all
of a bundle that the database will not have, are for the pipeline to look at one by one.
"""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from server.db.faults import is_database_fault
from server.ingest.bulk.bundle import Bundle, Prepared, bundle
from server.ingest.bulk.entries import record_all
from server.ingest.events import BatchId, Outcome, Status, Turn
from server.ledger import book
from server.ledger.book import Epoch
from server.ledger.runs import Span, union
from server.quality.timing import FUTURE_TOLERANCE_MS
from server.store.latest import Newest, keep_newest
from server.store.port import Store
from server.watch.judging import Judge

BUNDLE_FAILED = "bundle_failed"

# Fewer go as well by themselves.
FEW = 2

log = structlog.get_logger(__name__)


def take_all(turn: Turn, store: Store, ready: Bundle, judge: Judge) -> Sequence[Outcome | None]:
    """Store all that can be stored together; None for each batch that must go by itself.

    Raises what the database itself is to blame for.
    """
    nothing = [None] * len(ready.prepared)
    if len(ready.prepared) < FEW:
        return nothing
    page = book.read_page(turn.connection, _spans(ready.prepared))
    new = [one for one in ready.prepared if not page.knows(_epoch(one), one.id.seq)]
    if len(new) < FEW:
        return nothing
    try:
        with turn.connection.begin_nested():
            sound = ready if len(new) == len(nothing) else bundle(new)
            latest = _store(turn, store, sound, judge)
            book.note_stored(turn.connection, page, _spans(new), turn.now_ms)
    except Exception as error:
        judge.forget()
        if is_database_fault(error, alone=False):
            raise
        log.exception(BUNDLE_FAILED, batches=len(new))
        return nothing
    return _outcomes(ready.prepared, {one.id for one in new}, latest)


def _outcomes(
    prepared: Sequence[Prepared], stored: set[BatchId], latest: Newest
) -> list[Outcome | None]:
    outcomes: list[Outcome | None] = [
        Outcome(Status.STORED, batch=one.id, observations=len(one.decoded.batch))
        if one.id in stored
        else None
        for one in prepared
    ]
    last = max(at for at, one in enumerate(outcomes) if one is not None)
    outcomes[last] = replace(outcomes[last], latest=latest.lazy())  # type: ignore[type-var]
    return outcomes


def _store(turn: Turn, store: Store, ready: Bundle, judge: Judge) -> Newest:
    record_all(turn.connection, ready)
    store.append(turn.connection, ready.columns)
    judge.judge(turn, {one.id.gateway for one in ready.prepared}, ready.columns)
    return keep_newest(turn.connection, ready.newest, turn.now_ms + FUTURE_TOLERANCE_MS)


def _spans(prepared: Sequence[Prepared]) -> dict[Epoch, list[Span]]:
    found: dict[Epoch, list[Span]] = {}
    for one in prepared:
        found.setdefault(_epoch(one), []).append((one.id.seq, one.id.seq))
    return {epoch: union(spans) for epoch, spans in found.items()}


def _epoch(one: Prepared) -> Epoch:
    return Epoch(one.id.gateway, one.id.epoch)
