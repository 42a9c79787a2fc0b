"""What happens to one message, as a list of steps, inside the caller's transaction.

journal → decode → resolve → check → derive → store. Each message has its own savepoint: one that
cannot be used is journalled with the reason and leaves nothing else behind.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import structlog
from sqlalchemy import select

from server.catalog.gateways import note_change, remember
from server.catalog.inventory import apply_inventory
from server.catalog.remarks import in_words
from server.catalog.resolve import SeriesRef, load_series
from server.db.faults import is_database_fault
from server.db.tables import datastream
from server.ingest import journal, packs, reports
from server.ingest.arrays import Named, UnannouncedError, judge, name
from server.ingest.bulk.bundle import Bundle, bundle
from server.ingest.bulk.names import Names
from server.ingest.bulk.statuses import take_statuses
from server.ingest.bulk.taking import take_all
from server.ingest.events import NUMBER_TAKEN, BatchId, Message, Outcome, Status, Turn, WaitingBatch
from server.ingest.journal import Entry
from server.ingest.reports import Heard
from server.ledger import book
from server.ledger.book import Epoch
from server.ledger.runs import Fate
from server.quality.timing import FUTURE_TOLERANCE_MS
from server.store.latest import newest, update_latest
from server.store.port import Columns, LatestRow, Store
from server.watch.judging import Judge
from wire import batch as batches
from wire import messages, topics
from wire.catalogue import SensorModel
from wire.errors import ContractError

MESSAGE_FAILED = "message_failed"
MESSAGE_REFUSED = "message_refused"

AGE_UNKNOWN = (
    "its times count from now, but the broker had kept it for an unknown while: publish it without "
    "the retain flag, or with absolute times"
)

log = structlog.get_logger(__name__)


class Pipeline:
    """The steps, and the names of each gateway's datastreams, read once."""

    def __init__(
        self, store: Store, catalogue: Mapping[str, SensorModel], judge: Judge | None = None
    ) -> None:
        """Begin knowing nobody; `names` may be read by other threads."""
        self.store = store
        self.catalogue = catalogue
        self.names = Names(catalogue)
        self._judge = judge or Judge()

    def process(self, turn: Turn, work: Message | WaitingBatch) -> Outcome:
        """Take in one message, or a batch that waited; raises only when the database fails."""
        if isinstance(work, WaitingBatch):
            return self._retry(turn, work.journal_id)
        return self._take(turn, work)

    def process_all(self, turn: Turn, ready: Bundle) -> list[Outcome]:
        """Take in a bundle; what is not plain about it, message by message.

        Its gateways must be locked: an inventory that came since it was prepared is noticed here.
        """
        self._notice_changes(turn, {one.id.gateway for one in ready.prepared})
        sound = [one for one in ready.prepared if one.known is self.names.get(one.id.gateway)]
        if len(sound) == len(ready.prepared):
            found = take_all(turn, self.store, ready, self._judge)
        else:
            found = take_all(turn, self.store, bundle(sound), self._judge) if sound else []
        outcomes = {id(one): outcome for one, outcome in zip(sound, found, strict=True)}
        return [outcomes.get(id(one)) or self.process(turn, one.message) for one in ready.prepared]

    def process_statuses(self, turn: Turn, heard: Sequence[Heard]) -> list[Outcome]:
        """Take in how gateways are, together as far as that can be; their order is kept."""
        found = zip(heard, take_statuses(turn, heard), strict=True)
        return [outcome or self.process(turn, one.message) for one, outcome in found]

    def forget(self) -> None:
        """Drop what was read in a transaction that did not commit."""
        self.names.clear()
        self._judge.forget()

    def _notice_changes(self, turn: Turn, gateways: Iterable[str]) -> None:
        """Forget what other programs have changed; the gateways must be locked."""
        self._judge.note_revs(turn, self.names.forget_changed(turn.connection, gateways))

    def _take(self, turn: Turn, message: Message) -> Outcome:
        try:
            topic = topics.parse_up(message.topic)
        except ContractError as error:
            return _refuse_unasked(turn, message, str(error))
        if isinstance(topic, topics.BatchTopic):
            return self._take_batch(turn, message, BatchId(topic.gateway, topic.epoch, topic.seq))
        if isinstance(topic, topics.SenmlTopic):
            return self._take_pack(turn, message, topic.gateway)
        return self._take_other(turn, message, topic)

    # ------------------------------------------------------------ batches

    def _retry(self, turn: Turn, journal_id: int) -> Outcome:
        """Try a batch or pack again that waited for an inventory."""
        message, batch, status = journal.read(turn.connection, journal_id)
        if status is not Status.WAITING:
            return Outcome(status)
        if batch is None:
            return self._use_pack(turn, journal_id, message)
        if journal.is_booked(turn.connection, batch):
            return _refuse(turn, journal_id, message, batch, NUMBER_TAKEN)
        return self._use(turn, journal_id, message, batch)

    def _take_batch(self, turn: Turn, message: Message, batch: BatchId) -> Outcome:
        """Journal a batch that is new and use it; answer for one that came before."""
        earlier = journal.find(turn.connection, batch)
        digest = journal.digest_of(message.payload)
        same = next((entry for entry in earlier if entry.digest == digest), None)
        if same is not None and same.status is Status.WAITING:
            return self._retry(turn, same.id)
        if same is not None:
            return Outcome(same.status, same.reason, batch)
        is_taken = _first(earlier, Status.STORED) is not None
        if not is_taken and journal.is_booked(turn.connection, batch):
            # The journal no longer reaches back to it, so nothing tells it from a batch that came.
            return Outcome(Status.STORED, batch=batch)
        remember(turn.connection, batch.gateway, turn.now_ms)
        journal_id = journal.record(turn.connection, message, batch)
        if is_taken:
            return _refuse(turn, journal_id, message, batch, NUMBER_TAKEN)
        return self._use(turn, journal_id, message, batch)

    def _use(self, turn: Turn, journal_id: int, message: Message, batch: BatchId) -> Outcome:
        """Store a journalled batch; one that must wait or be refused leaves only its entry."""
        try:
            outcome = _guarded(turn, message, lambda: self._store(turn, journal_id, message, batch))
        except UnannouncedError as error:
            reason = journal.settle(turn.connection, journal_id, Status.WAITING, str(error))
            _note(turn, batch, Fate.WAITING)
            return Outcome(Status.WAITING, reason)
        except ContractError as error:
            self._judge.forget()
            return _refuse(turn, journal_id, message, batch, str(error))
        return outcome

    def _store(self, turn: Turn, journal_id: int, message: Message, batch: BatchId) -> Outcome:
        """Decode, resolve, check, derive, store."""
        decoded = batches.decode(message.payload)
        named = name(decoded, self._refs(turn, batch.gateway))
        outcome = self._keep(turn, journal_id, message, named)
        _note(turn, batch, Fate.STORED)
        return replace(outcome, batch=batch)

    def _keep(self, turn: Turn, journal_id: int, message: Message, named: Named) -> Outcome:
        """Check, derive, store, and settle the entry."""
        measured, columns = judge(named.pieces, named.clock, message.received_at)
        self.store.append(turn.connection, columns)
        self._judge.judge(turn, [message.gateway], columns)
        latest = _keep_latest(turn, columns, message.received_at)
        content = journal.content_of(measured, named.span_ms)
        journal.settle(turn.connection, journal_id, Status.STORED, named.left_out, content)
        return Outcome(Status.STORED, observations=len(columns), latest=latest)

    def _refs(self, turn: Turn, gateway: str) -> Mapping[str, SeriesRef]:
        """Say what a gateway's names stand for.

        Another program may have taken an inventory since names were read in an earlier transaction.
        """
        known = self.names.get(gateway)
        if known is not None and known.turn is not turn:
            self._notice_changes(turn, [gateway])
            known = self.names.get(gateway)
        if known is None:
            known = self.names.load(turn, gateway)
        return known.refs

    # ------------------------------------------------------------ SenML packs: no receipts

    def _take_pack(self, turn: Turn, message: Message, gateway: str) -> Outcome:
        """Journal a pack and use it; one that the broker delivers again changes nothing.

        The same bytes with relative times are new data, unless the broker had retained them.
        """
        same = journal.recent_same(turn.connection, message)
        if same is not None and (message.retained or not _is_relative(message)):
            if same.status is Status.WAITING:
                return self._retry(turn, same.id)
            return Outcome(same.status, same.reason)
        remember(turn.connection, gateway, turn.now_ms)
        return self._use_pack(turn, journal.record(turn.connection, message), message)

    def _use_pack(self, turn: Turn, journal_id: int, message: Message) -> Outcome:
        """Store a journalled pack; one that must wait or be refused leaves only its entry."""
        try:
            return _guarded(turn, message, lambda: self._store_pack(turn, journal_id, message))
        except UnannouncedError as error:
            reason = journal.settle(turn.connection, journal_id, Status.WAITING, str(error))
            return Outcome(Status.WAITING, reason)
        except ContractError as error:
            self._judge.forget()
            reason = journal.settle(turn.connection, journal_id, Status.REFUSED, str(error))
            log.warning(MESSAGE_REFUSED, topic=message.topic, reason=reason)
            return Outcome(Status.REFUSED, reason)

    def _store_pack(self, turn: Turn, journal_id: int, message: Message) -> Outcome:
        """Decode, resolve, check, derive, store."""
        pack = packs.read(message.payload, message.received_at)
        if pack.is_relative and message.retained:
            raise ContractError(AGE_UNKNOWN)
        gateway = topics.gateway_of(message.topic)
        named = packs.name(pack, self._refs(turn, gateway), _units(turn, gateway))
        return self._keep(turn, journal_id, message, named)

    # ------------------------------------------------------------ status, inventory, results

    def _take_other(
        self,
        turn: Turn,
        message: Message,
        topic: topics.InventoryTopic | topics.StatusTopic | topics.CommandResultTopic,
    ) -> Outcome:
        takes = {
            topics.InventoryTopic: self._inventory,
            topics.StatusTopic: reports.take_status,
            topics.CommandResultTopic: reports.take_result,
        }
        take = takes[type(topic)]
        try:
            return _guarded(turn, message, lambda: take(turn, message, topic.gateway))
        except ContractError as error:
            return _refuse_unasked(turn, message, str(error))

    def _inventory(self, turn: Turn, message: Message, gateway: str) -> Outcome:
        """Apply an inventory; the batches that waited for it may then be stored."""
        inventory = messages.decode(reports.without_nul(message.payload), messages.Inventory)
        before = load_series(turn.connection, gateway, self.catalogue)
        remarks = apply_inventory(turn.connection, gateway, inventory, self.catalogue, turn.now_ms)
        self.names.forget(gateway)
        if load_series(turn.connection, gateway, self.catalogue) != before:
            # Also when its bytes are the same, and our catalogue of sensors is another.
            note_change(turn.connection, gateway)
        newest_entry = journal.newest(turn.connection, message)
        if newest_entry is None or newest_entry.digest != journal.digest_of(message.payload):
            note_change(turn.connection, gateway, turn.now_ms)
            journal_id = journal.record(turn.connection, message)
        else:
            journal_id = newest_entry.id
        # What is made of the same bytes changes with our catalogue.
        reason = journal.settle(turn.connection, journal_id, Status.STORED, in_words(remarks))
        return Outcome(Status.STORED, reason, waiting=journal.waiting(turn.connection, gateway))


def _note(turn: Turn, batch: BatchId, fate: Fate) -> None:
    epoch = Epoch(batch.gateway, batch.epoch)
    book.note(turn.connection, epoch, batch.seq, fate, turn.now_ms)


def _guarded(turn: Turn, message: Message, use: Callable[[], Outcome]) -> Outcome:
    """Use a message within its own savepoint; whatever it breaks becomes a ContractError.

    Raises UnannouncedError unchanged, and what the database itself is to blame for.
    """
    try:
        with turn.connection.begin_nested():
            return use()
    except (ContractError, UnannouncedError):
        raise
    except Exception as error:
        if is_database_fault(error, alone=turn.alone):
            raise
        log.exception(MESSAGE_FAILED, topic=message.topic)
        raise ContractError(f"could not be used: {type(error).__name__}: {error}") from error


def _refuse(turn: Turn, journal_id: int, message: Message, batch: BatchId, why: str) -> Outcome:
    """Settle a journalled batch as one that cannot be used."""
    reason = journal.settle(turn.connection, journal_id, Status.REFUSED, why)
    _note(turn, batch, Fate.REFUSED)
    log.warning(MESSAGE_REFUSED, topic=message.topic, reason=reason)
    return Outcome(Status.REFUSED, reason, batch)


def _refuse_unasked(turn: Turn, message: Message, reason: str) -> Outcome:
    """Journal a message that nobody awaits a receipt for; the same one again is not repeated."""
    entry = journal.newest(turn.connection, message)
    if entry is None or (entry.status, entry.digest) != (
        Status.REFUSED,
        journal.digest_of(message.payload),
    ):
        log.warning(MESSAGE_REFUSED, topic=message.topic, reason=reason)
        journal_id = journal.record(turn.connection, message)
        reason = journal.settle(turn.connection, journal_id, Status.REFUSED, reason)
    return Outcome(Status.REFUSED, reason)


def _is_relative(message: Message) -> bool:
    """Tell whether a pack's instants depend on when it came: the same bytes are then new data."""
    try:
        return packs.read(message.payload, message.received_at).is_relative
    except ContractError:
        return False


def _units(turn: Turn, gateway: str) -> dict[int, str]:
    """Map a gateway's datastreams, by id, to the UCUM codes they are stored in."""
    rows = turn.connection.execute(
        select(datastream.c.id, datastream.c.unit).where(datastream.c.gateway_id == gateway)
    )
    return {row.id: row.unit for row in rows}


def _keep_latest(turn: Turn, columns: Columns, received_at: int) -> list[LatestRow]:
    horizon = turn.now_ms + FUTURE_TOLERANCE_MS
    return update_latest(turn.connection, newest(columns, received_at), horizon)


def _first(entries: Sequence[Entry], status: Status) -> Entry | None:
    return next((entry for entry in entries if entry.status is status), None)
