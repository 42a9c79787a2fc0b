"""Batches that go into the database together: read and resolved one by one, kept side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from server.catalog.resolve import SeriesRef
from server.ingest import journal
from server.ingest.arrays import MAX_MONTHS, MONTH_MS, UnannouncedError
from server.ingest.bulk.merged import Decoded
from server.ingest.events import BatchId, Message
from wire import batch as batches
from wire import topics
from wire.batch import Batch
from wire.errors import ContractError

# What goes in together at most: a tenth of a second on a small server. What is live waits for it.
MAX_VALUES = 20_000
MAX_BATCHES = 2_000
# How far from the first of its epoch a number may be: the ledger is read from the lowest to the
# highest.
MAX_REACH = 1_000

Names = Callable[[str, Sequence[str]], Sequence[SeriesRef]]
"""Finds the datastreams of a gateway by name; raises UnannouncedError or ContractError."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A batch that can be used as far as it alone can tell."""

    message: Message
    id: BatchId
    digest: bytes
    decoded: Decoded


@dataclass(slots=True)
class Bundle:
    """Takes batches as long as there is room. What is unusual about a batch keeps it out."""

    names: Names
    prepared: list[Prepared] = field(default_factory=list)
    values: int = 0
    _ids: set[BatchId] = field(default_factory=set)
    _near: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Tell whether no more should go in."""
        return self.values >= MAX_VALUES or len(self.prepared) >= MAX_BATCHES

    def add(self, message: Message) -> bool:
        """Take a message in; False for one that must be looked at by itself."""
        prepared = self._prepare(message)
        if prepared is None or prepared.id in self._ids or self._is_far(prepared.id):
            return False
        self._ids.add(prepared.id)
        self.prepared.append(prepared)
        self.values += len(prepared.decoded.batch)
        return True

    def _is_far(self, batch: BatchId) -> bool:
        """Tell whether a number lies so far from the others of its epoch that much lies between."""
        nearest = self._near.setdefault((batch.gateway, batch.epoch), batch.seq)
        return abs(batch.seq - nearest) > MAX_REACH

    def _prepare(self, message: Message) -> Prepared | None:
        try:
            topic = topics.parse_up(message.topic)
            if not isinstance(topic, topics.BatchTopic):
                return None
            decoded = batches.decode(message.payload)
            refs = self.names(topic.gateway, [series.name for series in decoded.series])
        except (ContractError, UnannouncedError):
            return None
        if not decoded.series or _is_strewn(decoded):
            return None
        return Prepared(
            message,
            BatchId(topic.gateway, topic.epoch, topic.seq),
            journal.digest_of(message.payload),
            Decoded(decoded, refs, message.received_at),
        )


def _is_strewn(batch: Batch) -> bool:
    """Tell whether a batch spans more than any history: whether it may, is for `judge` to say."""
    first = min(min(one.times_ms) for one in batch.series)
    last = max(max(one.times_ms) for one in batch.series)
    return last - first >= MAX_MONTHS * MONTH_MS
