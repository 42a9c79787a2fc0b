"""The one thread that writes: takes queued messages in groups, one transaction a group.

Only after the commit come the receipts, the acknowledgements to the broker, and the live page.
While the database fails nothing is acknowledged; the same group is tried until it is stored.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from server.db.engine import explain, writing
from server.db.faults import is_database_fault
from server.db.locks import lock_gateways, try_lock_gateways
from server.ingest.events import Delivery, Message, Outcome, Status, Turn, WaitingBatch, Work
from server.ingest.inbox import Inbox
from server.ingest.pipeline import Pipeline
from server.ingest.receipts import Receipts
from server.ledger.calls import AGAIN, Calls, read_heard
from server.ledger.compare import Comparisons
from server.ledger.compare import command as compare_command
from server.ledger.resend import Resends
from server.store.port import LatestRow
from wire import messages, topics
from wire.errors import ContractError

DATABASE_LOST = "database_lost"
DATABASE_FOUND = "database_found"
MESSAGE_DROPPED = "message_dropped"
GATEWAY_ASKED = "gateway_asked"
WORKER_FAILED = "worker_failed"
LISTENER_FAILED = "listener_failed"

# One transaction holds at most this many messages, and no more once it holds this many values or
# lasts this long: what is live waits for the transaction in hand while a backlog comes in.
MAX_GROUP_MESSAGES = 2_000
MAX_GROUP_VALUES = 20_000
MAX_GROUP_S = 0.25
# At most this many messages wait in memory: 500 of the largest are 128 MB.
MAX_QUEUED = 500

_IDLE_S = 0.25
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

    def acknowledge(self, delivery: Delivery) -> None:
        """Let the broker forget a message."""
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
    """What became of messages since the start."""

    stored: int = 0
    refused: int = 0
    waiting: int = 0

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
        self._inbox = Inbox(MAX_QUEUED)
        self._receipts = Receipts()
        self._resends = Resends()
        self._comparisons = Comparisons()
        self._calls = Calls()
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

    def offer(self, message: Message) -> None:
        """Queue a message; blocks while the queue is full, until the worker stops."""
        while not self._stopping.is_set() and not self._inbox.put(message, _IDLE_S):
            continue

    def start(self, wire: Wire) -> None:
        """Begin to work, speaking to the broker through `wire`."""
        self._thread = threading.Thread(target=self._run, args=(wire,), name="ingest", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the transaction in hand, send its receipts, and end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)

    def _run(self, wire: Wire) -> None:
        try:
            self._work(wire)
        except Exception as error:
            self.error = f"ingest has stopped: {type(error).__name__}: {error}"
            log.exception(WORKER_FAILED)
            self._on_death()

    def _work(self, wire: Wire) -> None:
        while not self._stopping.is_set():
            self._work_off(deque(self._gather()), wire)
            if wire.is_connected:
                self._publish(wire, self._receipts.take_due(time.monotonic()))
                self._call(wire)
        self._publish(wire, self._receipts.take_all(time.monotonic()))

    def _gather(self) -> list[Work]:
        """Wait for some work, or until a receipt is due."""
        due_s = self._receipts.wait_s(time.monotonic())
        return self._inbox.take(1, min(_IDLE_S, due_s) if due_s else _IDLE_S)

    def _work_off(self, work: deque[Work], wire: Wire) -> None:
        """Commit all work, in groups; after a failure, for the rest, one by one."""
        limit = MAX_GROUP_MESSAGES
        while work and not self._stopping.is_set():
            try:
                outcomes = self._commit(work, limit)
            except Exception as error:  # noqa: BLE001 - the top of a transaction: it is tried again
                self._pipeline.forget()
                self._recover(error, work, limit, wire)
                limit = 1
                continue
            self._found()
            done = [(work.popleft(), outcome) for outcome in outcomes]
            for one, outcome in done:
                self._answer(one, outcome, wire)
                self._release(_gateway_of(one), outcome.waiting)
            self._show(outcomes)

    def _commit(self, work: deque[Work], limit: int) -> list[Outcome]:
        """Take in what stands first, in one transaction, as far as the limits allow.

        What waits in the inbox joins the work only as it is reached: what must not be in this
        transaction leaves room for what comes meanwhile.
        """
        outcomes: list[Outcome] = []
        values = 0
        with writing(self._engine) as connection:
            turn = Turn(connection, self._clock(), alone=limit == 1)
            locked = self._lock(connection, work)
            ends_s = time.monotonic() + MAX_GROUP_S
            while len(outcomes) < limit and values < MAX_GROUP_VALUES:
                taken = self._take(turn, work, outcomes, locked)
                if not taken:
                    break
                outcomes += taken
                values += sum(one.observations for one in taken)
                if time.monotonic() >= ends_s:
                    break
        return outcomes

    def _lock(self, connection: Connection, work: Sequence[Work]) -> set[str]:
        """Be alone with the gateways of which something waits, as far as nobody else is at them.

        Waits only for that of the first. What names no gateway writes nothing that others would.
        """
        first = _gateway_of(work[0])
        lock_gateways(connection, [first] if first else [])
        others = {*map(_gateway_of, work), *self._inbox.gateways()} - {first, ""}
        return {first, ""} | try_lock_gateways(connection, others)

    def _take(
        self, turn: Turn, work: deque[Work], done: Sequence[Outcome], locked: set[str]
    ) -> list[Outcome]:
        """Take in the next messages: plain batches together, anything else by itself; [] for none.

        What follows those that are `done` is reached for the first time here.
        """
        bundle = self._pipeline.bundle(turn)
        while not bundle.is_full:
            one = self._reach(work, len(done) + len(bundle.prepared))
            if one is None or not _is_ours(turn.connection, _gateway_of(one), locked):
                break
            if turn.alone or isinstance(one, WaitingBatch) or not bundle.add(one):
                return [
                    *self._pipeline.process_all(turn, bundle),
                    self._pipeline.process(turn, one),
                ]
        return self._pipeline.process_all(turn, bundle)

    def _reach(self, work: deque[Work], at: int) -> Work | None:
        """Give the work that stands there, taken from the inbox if need be; None when all is."""
        if at == len(work):
            work.extend(self._inbox.take(1, 0.0))
        return work[at] if at < len(work) else None

    def _recover(self, error: Exception, work: deque[Work], limit: int, wire: Wire) -> None:
        """Wait while the database fails; drop a message that fails by itself for another cause."""
        if is_database_fault(error, alone=limit == 1):
            self._lost(error)
        elif limit == 1:
            self._drop(error, work.popleft(), wire)

    def _answer(self, one: Work, outcome: Outcome, wire: Wire) -> None:
        """Tell gateway and broker what is now committed."""
        if isinstance(one, Message) or outcome.status is not Status.WAITING:
            self.counts.add(outcome.status)
        if outcome.batch is not None and outcome.status is Status.STORED:
            self._receipts.add_stored(outcome.batch)
        elif outcome.batch is not None:
            self._receipts.add_refused(outcome.batch, outcome.reason)
        if outcome.same is not None:
            self._receipts.add_same(outcome.same.epoch, outcome.same.spans)
        if isinstance(one, Message) and one.delivery is not None:
            wire.acknowledge(one.delivery)
        if wire.is_connected:
            self._ask(outcome, wire)

    def _release(self, gateway: str, waiting: Sequence[int]) -> None:
        """Have batches tried again that an inventory may have set free, beside what is live."""
        self._inbox.put_first(gateway, [WaitingBatch(one, gateway) for one in waiting])

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
        rows = {row.datastream_id: row for outcome in outcomes for row in outcome.latest}
        if not rows:
            return
        try:
            self._on_committed(list(rows.values()))
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
            wire.acknowledge(one.delivery)


def _is_ours(connection: Connection, gateway: str, locked: set[str]) -> bool:
    """Be alone with a gateway; False when another program is, and waiting might be in a circle."""
    if gateway not in locked:
        locked |= try_lock_gateways(connection, [gateway])
    return gateway in locked


def _gateway_of(work: Work) -> str:
    if isinstance(work, WaitingBatch):
        return work.gateway
    try:
        return topics.gateway_of(work.topic)
    except ContractError:
        return ""
