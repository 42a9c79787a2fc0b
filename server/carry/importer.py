"""Takes carried files in, batch by batch, by the same pipeline as what the broker brings.

In groups of one transaction each: what is committed stays when an import is stopped, and a second
one finds it there. A server may run beside it.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO

import psycopg
import structlog
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from server.carry.inventory import Announced, announce
from server.carry.report import Announcement, Report
from server.db.engine import explain, writing
from server.db.faults import is_database_fault
from server.db.locks import lock_gateways
from server.db.tables import gateway
from server.errors import ServerError, StoreError
from server.ingest.events import Message, Outcome, Status, Turn, WaitingBatch, Work
from server.ingest.pipeline import Pipeline
from server.ledger import book
from server.ledger.book import Epoch
from server.store.engines import store_for
from server.store.port import LatestRow
from wire import messages, topics
from wire.carry import Damage, Member, Reader
from wire.catalogue import bundled
from wire.errors import ContractError

BATCH_FAILED = "carried_batch_failed"

# One transaction takes at most this much: ingest beside it waits for a fraction of a second.
GROUP_BATCHES = 100
GROUP_BYTES = 4_000_000
GROUP_VALUES = 20_000
# So long others have their turn: on SQLite a writer that waits looks again every 0.1 s
# (sqliteDefaultBusyCallback), on PostgreSQL ingest looks for its gateway every 20 ms.
_LONGEST_REST_S = 0.12

log = structlog.get_logger(__name__)


class StoppedError(ServerError):
    """The import was stopped: what it had stored stays; import the file again."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What an import tells and asks on its way.

    `progress` gets bytes read and bytes in all, `committed` the newest values of each group.
    """

    progress: Callable[[int, int], None] = lambda _done, _total: None
    committed: Callable[[Sequence[LatestRow]], None] = lambda _rows: None
    is_stopped: Callable[[], bool] = lambda: False


class FileImport:
    """The import of one file. The database must be migrated; `clock` gives ms UTC."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], int],
        stream: BinaryIO,
        hooks: Hooks = Hooks(),
    ) -> None:
        """Look whose it is; raises ContractError when it is none of ours."""
        self._engine = engine
        self._clock = clock
        self._hooks = hooks
        self._reader = Reader(stream)
        self._manifest = self._reader.manifest
        self._pipeline = Pipeline(store_for(engine), bundled())
        self._missing = {
            seq for first, last in self._manifest.ranges for seq in range(first, last + 1)
        }
        self.report = Report.of(self._manifest)

    def run(self) -> Report:
        """Take it in and tell what became of it; `report` may be read at any time.

        Raises StoreError when the database fails, StoppedError when asked to stop, and OSError when
        the file cannot be read on: what was committed until then stays.
        """
        group: list[Message] = []
        size = 0
        for found in self._reader:
            if isinstance(found, Damage):
                self.report.damage.append(found.sentence)
            elif found.seq is None:
                self._take_other(found)
            else:
                self._missing.discard(found.seq)
                group.append(self._message(found))
                size += len(found.payload)
            if len(group) >= GROUP_BATCHES or size >= GROUP_BYTES:
                self._work_off(group)
                group, size = [], 0
                self._hooks.progress(self._reader.position(), self._reader.size)
        self._work_off(group)
        self._hooks.progress(self._reader.size, self._reader.size)
        self.report.missing = len(self._missing)
        return self.report

    def _message(self, found: Member) -> Message:
        return Message(found.topic, found.payload, self._clock())

    # ------------------------------------------------------------ inventory and status

    def _take_other(self, found: Member) -> None:
        message = self._message(found)
        try:
            if found.topic == topics.inventory(self._manifest.gateway):
                self._take_inventory(message)
            else:
                with self._transaction() as connection:
                    self._take_status(Turn(connection, self._clock(), alone=True), message)
        except (SQLAlchemyError, psycopg.Error) as error:
            raise self._store_error(error) from error

    def _take_inventory(self, message: Message) -> None:
        held_at = self._manifest.inventory_at
        with self._transaction() as connection:
            turn = Turn(connection, self._clock(), alone=True)
            try:
                told = announce(turn, self._pipeline, message, held_at)
            except ContractError as error:
                told = Announced(Announcement.REFUSED, str(error))
        self.report.inventory = told.what
        if told.reason:
            self.report.add_reason(f"the inventory: {told.reason}")
        self._work_off([WaitingBatch(one, self._manifest.gateway) for one in told.waiting])

    def _take_status(self, turn: Turn, message: Message) -> None:
        """Keep how the gateway was, unless it was heard of since; its figures count by themselves.

        One that cannot be read is journalled with the reason, as if the broker had brought it.
        """
        said = replace(message, retained=True)  # it tells of the past
        try:
            status = messages.decode(message.payload, messages.Status)
        except ContractError:
            self._pipeline.process(turn, said)
            return
        name = self._manifest.gateway
        heard_at = turn.connection.execute(
            select(gateway.c.status_at).where(gateway.c.id == name)
        ).scalar()
        at_ms = min(turn.now_ms if status.at is None else status.at, turn.now_ms)
        if heard_at is None or at_ms > heard_at:
            self._pipeline.process(turn, said)
            return
        for one in status.outbox:
            if topics.EPOCH.fullmatch(one.epoch):
                book.note_figures(
                    turn.connection, Epoch(name, one.epoch), one, at_ms, retained=True
                )

    # ------------------------------------------------------------ batches

    def _work_off(self, work: Sequence[Work]) -> None:
        """Commit it all, in groups; after a failure, for the rest, one by one."""
        left = deque(work)
        limit = GROUP_BATCHES
        while left:
            if self._hooks.is_stopped():
                raise StoppedError
            try:
                outcomes = self._commit(left, limit)
            except Exception as error:  # noqa: BLE001 - the top of a transaction: smaller ones follow
                self._pipeline.forget()
                self._recover(error, left, limit)
                limit = 1
                continue
            for outcome in outcomes:
                self._count(left.popleft(), outcome)
            rows = {row.datastream_id: row for outcome in outcomes for row in outcome.latest}
            if rows:
                self._hooks.committed(list(rows.values()))

    def _commit(self, work: Sequence[Work], limit: int) -> list[Outcome]:
        outcomes: list[Outcome] = []
        values = 0
        with self._transaction() as connection:
            turn = Turn(connection, self._clock(), alone=limit == 1)
            for one in islice(work, limit):
                outcomes.append(self._pipeline.process(turn, one))
                values += outcomes[-1].observations
                if values >= GROUP_VALUES:
                    break
        return outcomes

    def _recover(self, error: Exception, work: deque[Work], limit: int) -> None:
        """Drop a batch that fails by itself for another cause than the database."""
        if is_database_fault(error, alone=limit == 1):
            raise self._store_error(error) from error
        if limit == 1:
            log.error(BATCH_FAILED, error=f"{type(error).__name__}: {error}", exc_info=error)
            work.popleft()
            self.report.refused += 1
            self.report.add_reason(f"could not be taken in: {type(error).__name__}")

    def _store_error(self, error: Exception) -> StoreError:
        told = explain(self._engine.url, error)
        return StoreError(f"{told}. What was stored stays: import the file again")

    def _count(self, one: Work, outcome: Outcome) -> None:
        report = self.report
        report.observations += outcome.observations
        if isinstance(one, WaitingBatch):
            report.released += outcome.status is Status.STORED and outcome.observations > 0
        elif outcome.status is Status.REFUSED:
            report.refused += 1
            report.add_reason(outcome.reason)
        elif outcome.status is Status.WAITING:
            report.waiting += 1
        elif outcome.observations:
            report.stored += 1
        else:
            report.already_stored += 1

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """One transaction as the gateway's only writer; then, on SQLite, a rest as long as it took.

        A writer that waits there gets in only by chance.
        """
        begun_s = time.monotonic()
        try:
            with writing(self._engine) as connection:
                lock_gateways(connection, [self._manifest.gateway])
                yield connection
        finally:
            time.sleep(min(time.monotonic() - begun_s, _LONGEST_REST_S))
