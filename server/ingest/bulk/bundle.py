"""Batches that go into the database together: read and resolved one by one, kept side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from server.ingest import journal
from server.ingest.arrays import MAX_MONTHS, MONTH_MS, UnannouncedError
from server.ingest.bulk.merged import Decoded, judge_all
from server.ingest.bulk.names import Known, Names
from server.ingest.events import BatchId, Message
from server.store.latest import Newest, pick_newest
from server.store.port import Columns, take
from wire import batch as batches
from wire import topics
from wire.batch import Batch
from wire.errors import ContractError


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A batch that can be used as far as it alone can tell; `known` is what its names were by.

    `first_ms` and `last_ms` are the instants it spans.
    """

    message: Message
    id: BatchId
    digest: bytes
    decoded: Decoded
    known: Known
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """Batches with all that follows from them: what the database is to hold of them.

    The rows of all are in order of series and time, as the index of the table is.
    """

    prepared: Sequence[Prepared]
    columns: Columns
    newest: Newest


def prepare(message: Message, names: Names) -> Prepared | None:
    """Read a batch; None for what is no batch, or not a plain one: it must be looked at by itself.

    Names are those read before: a gateway that is not known yet is not waited for.
    """
    try:
        topic = topics.parse_up(message.topic)
        if not isinstance(topic, topics.BatchTopic):
            return None
        known = names.get(topic.gateway)
        if known is None:
            return None
        decoded = batches.decode(message.payload)
        found = known.directory.resolve(decoded.names)
    except (ContractError, UnannouncedError):
        return None
    if not decoded.names:
        return None
    first_ms, last_ms = _span(decoded)
    # Whether a batch may span more than any history is for `judge` to say, and what was measured by
    # an instrument that has been exchanged since.
    if last_ms - first_ms >= MAX_MONTHS * MONTH_MS or first_ms < found.since_ms:
        return None
    return Prepared(
        message,
        BatchId(topic.gateway, topic.epoch, topic.seq),
        journal.digest_of(message.payload),
        Decoded(decoded, found, message.received_at),
        known,
        first_ms,
        last_ms,
    )


def bundle(prepared: Sequence[Prepared]) -> Bundle:
    """Check and derive: what was prepared becomes columns."""
    merged = judge_all([one.decoded for one in prepared])
    newest = pick_newest(merged.columns, merged.received_at)
    return Bundle(prepared, _in_order(merged.columns), newest)


def _in_order(columns: Columns) -> Columns:
    """Sort by series and time: each page of the index is then visited once.

    Of several at one instant the first stays the first, which is the one that is kept.
    """
    return take(columns, np.lexsort((columns.time_ms, columns.datastream_id)))


def _span(batch: Batch) -> tuple[int, int]:
    first = batch.times_ms[0]
    instants = [first, *(times for times in batch.times_ms if times is not first)]
    return min(map(min, instants)), max(map(max, instants))
