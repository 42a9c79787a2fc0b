"""The one thread that writes: takes what was prepared in groups, one transaction a group.

Only after the commit come the receipts, the acknowledgements to the broker, and the live page.
While the database fails nothing is acknowledged; the same work is tried until it is stored.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from server.courtesy.answers import Answers
from server.db.engine import explain, writing
from server.db.faults import is_database_fault
from server.db.locks import try_lock_gateways
from server.ingest.bulk.group import Group, group_of, split
from server.ingest.bulk.names import Strangers
from server.ingest.bulk.pace import Pace
from server.ingest.bulk.preparing import Preparing
from server.ingest.events import Delivery, Message, Outcome, Status, Turn, WaitingBatch, Work
from server.ingest.inbox import Inbox, is_batch
from server.ingest.pipeline import Pipeline
from server.ingest.receipts import Receipts
from server.ledger.calls import AGAIN, Calls, read_heard
from server.ledger.compare import Comparisons
from server.ledger.compare import command as compare_command
from server.ledger.resend import Resends
from server.store.port import LatestRow
from wire import messages, topics

DATABASE_LOST = "database_lost"
DATABASE_FOUND = "database_found"
MESSAGE_DROPPED = "message_dropped"
GATEWAY_ASKED = "gateway_asked"
WORKER_FAILED = "worker_failed"
LISTENER_FAILED = "listener_failed"

# Messages of at most so many bytes wait in memory, with what they take beside their payloads.
MAX_QUEUED_BYTES = 64 * 1024 * 1024

# After a failure messages are tried one by one, then by ever more.
_GROWTH = 8
_IDLE_S = 0.25
# For so long another program's gateways are waited for when there is nothing else in a group.
_LOCK_WAIT_S, _LOCK_LOOK_S = 0.25, 0.02
# What waits for them beside the inbox; of more, nothing else is taken meanwhile.
_MOST_HELD = 500
_STOP_TIMEOUT_S = 15.0

log = structlog.get_logger(__name__)


class Wire(Protocol):
    """What the worker says to the broker."""

    @property
    def is_connected(self) -> bool:
        """Tell whether receipts can be sent now."""
        ...

    def take_new_session(self) -> bool:
        """Tell, once for each time, that the broker had nothing kept for us."""
        ...

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Let the broker forget messages."""
        ...

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message to a gateway."""
        ...


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the database is tried again: doubling, in seconds."""

    first_s: float = 0.5
    longest_s: float = 2.0

    def delay_s(self, failures: int) -> float:
        """Give the delay after so many failures in a row."""
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 16))


@dataclass(slots=True)
class Counts:
    """What became of messages since the start.

    `postponed`: how often one was put off because another program was at its gateway.
    """

    stored: int = 0
    refused: int = 0
    waiting: int = 0
    postponed: int = 0

    def add(self, status: Status) -> None:
        """Count one message."""
        setattr(self, status.value, getattr(self, status.value) + 1)


class Worker:
    """Takes messages from a bounded queue and commits them; one thread of its own."""

    def __init__(
        self,
        engine: Engine,
        pipeline: Pipeline,
        on_committed: Callable[[Sequence[LatestRow]], None],
        clock: Callable[[], int],
        backoff: Backoff,
        on_death: Callable[[], None],
    ) -> None:
        """Prepare; `clock` gives milliseconds UTC.

        The thread calls `on_committed` after each commit, and `on_death` when it ends without being
        asked to.
        """
        self.counts = Counts()
        self.error = ""
        self._engine = engine
        self._pipeline = pipeline
        self._on_committed = on_committed
        self._clock = clock
        self._backoff = backoff
        self._on_death = on_death
        self._failures = 0
        self._inbox = Inbox(MAX_QUEUED_BYTES)
        self._pace = Pace()
        meet = Strangers(engine, pipeline.names).meet
        self._preparing = Preparing(self._inbox, pipeline.names, self._pace, self._die, meet)
        self._receipts = Receipts()
        self._resends = Resends()
        self._comparisons = Comparisons()
        self._calls = Calls()
        self._held: list[Work] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def database_ok(self) -> bool:
        """Tell whether the last transaction went through."""
        return self._failures == 0

    @property
    def queued(self) -> int:
        """Count the messages that wait in memory."""
        return len(self._inbox)

    def go_behind(self, answers: Answers) -> None:
        """Wait a moment for answers that are being written; before the start."""
        self._preparing.answers = answers

    def offer(self, message: Message) -> None:
        """Queue a message; blocks while the queue is full, until the worker stops."""
        while not self._stopping.is_set() and not self._inbox.put(message, _IDLE_S):
            continue

    def start(self, wire: Wire) -> None:
        """Begin to work, speaking to the broker through `wire`."""
        self._thread = threading.Thread(target=self._run, args=(wire,), name="ingest", daemon=True)
        self._thread.start()
        self._preparing.start()

    def stop(self) -> None:
        """Finish the transaction in hand, send its receipts, and end."""
        self._stopping.set()
        self._preparing.stop(_STOP_TIMEOUT_S)
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)

    def _run(self, wire: Wire) -> None:
        try:
            self._work(wire)
        except Exception as error:
            log.exception(WORKER_FAILED)
            self._die(error)

    def _die(self, error: Exception) -> None:
        self.error = f"ingest has stopped: {type(error).__name__}: {error}"
        self._stopping.set()
        self._on_death()

    def _work(self, wire: Wire) -> None:
        while not self._stopping.is_set():
            is_room = len(self._held) < _MOST_HELD
            group = self._preparing.take(self._patience_s()) if is_room else None
            self._take_in(group, wire)
            if wire.is_connected:
                self._publish(wire, self._receipts.take_due(time.monotonic()))
                self._call(wire)
        self._publish(wire, self._receipts.take_all(time.monotonic()))

    def _patience_s(self) -> float:
        """Tell how long to wait for work: until a receipt is due."""
        due_s = self._receipts.wait_s(time.monotonic())
        return min(_IDLE_S, due_s) if due_s else _IDLE_S

    def _take_in(self, group: Group | None, wire: Wire) -> None:
        """Work a group off, and before it what was held back from earlier ones."""
        if self._held:
            held, self._held = self._held, []
            group = group_of([*held, *(group.works if group else ())], self._pipeline.names)
        if group is not None:
            self._work_off(group, wire)

    def _work_off(self, group: Group, wire: Wire) -> None:
        """Commit a group; after a failure its messages one by one, then by ever more of them."""
        if self._try(group, wire):
            return
        rest, most = deque(group.works), 1
        while rest and not self._stopping.is_set():
            some = list(islice(rest, most))
            if self._try(group_of(some, self._pipeline.names), wire):
                for _ in some:
                    rest.popleft()
                most *= _GROWTH
            else:
                most = 1

    def _try(self, group: Group, wire: Wire) -> bool:
        """Commit a group and tell of it; False when nothing of it could be done."""
        began_s = time.monotonic()
        try:
            done, left = self._commit(group)
        except Exception as error:  # noqa: BLE001 - the top of a transaction: it is tried again
            self._pipeline.forget()
            return self._recover(error, group.works, wire)
        if not left:  # else it may have waited for others
            self._pace.note(group.cost, time.monotonic() - began_s)
        self._found()
        self._tell(done, wire)
        self._postpone(left)
        return True

    def _postpone(self, left: Sequence[Work]) -> None:
        """Leave for later what is of gateways that another program is at.

        Batches may come in any order. What says how a gateway is, or what is attached to it, may
        not: later ones are prepared already, so it is held back, and they behind it.
        """
        self.counts.postponed += len(left)
        self._inbox.put_first([one for one in left if is_batch(one)])
        self._held += [one for one in left if not is_batch(one)]

    def _commit(self, group: Group) -> tuple[list[tuple[Work, Outcome]], list[Work]]:
        """Take a group in; gives what became of it, and what must wait for another program."""
        with writing(self._engine) as connection:
            mine, left = split(group, self._lock(connection, group), self._pipeline.names)
            turn = Turn(connection, self._clock(), alone=len(mine.works) == 1)
            outcomes = self._pipeline.process_all(turn, mine.ready) if mine.ready else []
            outcomes += self._pipeline.process_statuses(turn, mine.statuses)
            outcomes += [self._pipeline.process(turn, one) for one in mine.singles]
        return list(zip(mine.works, outcomes, strict=True)), left

    def _lock(self, connection: Connection, group: Group) -> set[str]:
        """Be alone with the gateways of a group, as far as nobody else is at them.

        When somebody is at all of them they are waited for a moment, while nothing else is held.
        Those of whom something is held back already are not touched before that.
        """
        held = {one.gateway for one in self._held}
        gateways = [one for one in group.gateways if one not in held]
        deadline_s = time.monotonic() + _LOCK_WAIT_S
        free = try_lock_gateways(connection, gateways)
        while gateways and not free and time.monotonic() < deadline_s:
            if self._stopping.wait(_LOCK_LOOK_S):
                break
            free = try_lock_gateways(connection, gateways)
        return free

    def _tell(self, done: Sequence[tuple[Work, Outcome]], wire: Wire) -> None:
        """Tell gateways, broker and page what is now committed."""
        for one, outcome in done:
            self._answer(one, outcome, wire)
            self._release(one.gateway, outcome.waiting)
        wire.acknowledge(
            [one.delivery for one, _ in done if isinstance(one, Message) and one.delivery]
        )
        self._show([outcome for _, outcome in done])

    def _recover(self, error: Exception, works: Sequence[Work], wire: Wire) -> bool:
        """Wait while the database fails; drop a message that fails by itself for another cause."""
        if is_database_fault(error, alone=len(works) == 1):
            self._lost(error)
            return False
        if len(works) == 1:
            self._drop(error, works[0], wire)
        return len(works) == 1

    def _answer(self, one: Work, outcome: Outcome, wire: Wire) -> None:
        """Tell a gateway what is now committed."""
        if isinstance(one, Message) or outcome.status is not Status.WAITING:
            self.counts.add(outcome.status)
        if outcome.batch is not None and outcome.status is Status.STORED:
            self._receipts.add_stored(outcome.batch)
        elif outcome.batch is not None:
            self._receipts.add_refused(outcome.batch, outcome.reason)
        if outcome.same is not None:
            self._receipts.add_same(outcome.same.epoch, outcome.same.spans)
        if wire.is_connected:
            self._ask(outcome, wire)

    def _release(self, gateway: str, waiting: Sequence[int]) -> None:
        """Have batches tried again that an inventory may have set free, beside what is live."""
        if waiting:
            self._inbox.put_first([WaitingBatch(one, gateway) for one in waiting])

    def _ask(self, outcome: Outcome, wire: Wire) -> None:
        """Ask a gateway for what it takes for delivered and is not here, or the other way round."""
        now_s = time.monotonic()
        missing = self._resends.take(outcome.wanted, now_s)
        if missing is not None:
            self._command(*missing, wire)
        known = self._comparisons.take(outcome.comparable, self._receipts, now_s)
        if known is not None:
            self._receipts.hold(known[0], now_s)
            self._command(*known, wire)
        if outcome.same is not None and outcome.same.rest:
            epoch = outcome.same.epoch
            self._command(epoch.gateway, compare_command(epoch, outcome.same.rest), wire)

    def _call(self, wire: Wire) -> None:
        """Have gateways send again what went nowhere, a few at a time."""
        if wire.take_new_session():
            self._calls.is_due = True
        if self._calls.is_due:
            try:
                with self._engine.connect() as connection:
                    self._calls.begin(read_heard(connection, self._clock()))
            except SQLAlchemyError as error:
                self._lost(error)
                return
            self._found()
        for gateway in self._calls.take(time.monotonic()):
            self._command(gateway, AGAIN, wire)

    def _command(self, gateway: str, command: messages.Command, wire: Wire) -> None:
        asked = {"kind": command.kind, "epoch": command.epoch, "ranges": len(command.ranges)}
        log.info(GATEWAY_ASKED, gateway=gateway, **asked)
        command_id = f"{command.kind}-{self._clock()}"
        wire.publish(topics.command(gateway, command_id), messages.encode(command))

    def _show(self, outcomes: Sequence[Outcome]) -> None:
        told = [outcome.latest for outcome in outcomes if outcome.latest]
        if not told:
            return
        rows = told[0] if len(told) == 1 else _newest_of(told)
        try:
            self._on_committed(rows)
        except Exception as error:  # the data are safe: a page that fails must not stop ingest
            log.exception(LISTENER_FAILED)
            self.error = f"live page: {error}"

    def _publish(self, wire: Wire, receipts: Sequence[tuple[str, messages.Receipt]]) -> None:
        for gateway, receipt in receipts:
            wire.publish(topics.receipt(gateway), messages.encode(receipt))

    def _lost(self, error: Exception) -> None:
        self._failures += 1
        self.error = explain(self._engine.url, error)
        if self._failures == 1:
            log.error(DATABASE_LOST, error=self.error)
        self._stopping.wait(self._backoff.delay_s(self._failures))

    def _found(self) -> None:
        if self._failures:
            log.info(DATABASE_FOUND, failures=self._failures)
            self._failures, self.error = 0, ""

    def _drop(self, error: Exception, one: Work, wire: Wire) -> None:
        """Give up a message that could not even be journalled; its gateway keeps the batch."""
        self.error = f"{type(error).__name__}: {error}"
        log.error(MESSAGE_DROPPED, error=self.error, exc_info=error)
        if isinstance(one, Message) and one.delivery is not None:
            wire.acknowledge([one.delivery])


def _newest_of(told: Sequence[Sequence[LatestRow]]) -> list[LatestRow]:
    """Keep of each series what was told last."""
    return list({row.datastream_id: row for rows in told for row in rows}.values())
