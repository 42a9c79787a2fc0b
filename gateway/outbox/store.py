"""The outbox's store: append, seal, confirm, refuse, prune. One transaction each, any thread.

`append` returns when the observations are on the disk; from then on a power cut loses nothing.
"""

import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import NoReturn, Self, TypeVar

import structlog

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.outbox import retention, sealing
from gateway.outbox.history import read_past
from gateway.outbox.pending import (
    MEMO,
    NOTE,
    Kind,
    exchange,
    insert,
    kinds_waiting,
    rows_waiting,
    stored,
)
from gateway.outbox.recall import Recalled, digests, recall, renumber, set_aside
from gateway.outbox.retention import Budget
from gateway.outbox.room import Room, fold
from gateway.outbox.salvage import condemn, open_or_salvage
from gateway.outbox.schema import (
    CLEAN,
    FILE_NAME,
    DamagedError,
    NoRoomError,
    store_errors,
    transaction,
)
from gateway.outbox.sealing import SEAL_LIMIT, ClockState, Sealed, Waiting
from gateway.readings import Observation
from wire.batch import Sample
from wire.messages import ClockSource, OutboxFigures, Refusal

# While the file cannot be opened for want of room, how often it is tried again.
REOPEN_MS = 10_000

OPEN_POSTPONED = "outbox_waits_for_room"
OPENED = "outbox_opened"
SPARE_SPENT = "spare_file_given_up_for_room"
CONFIRMED_DROPPED = "confirmed_batches_dropped_for_room"
UNCONFIRMED_LOST = "unconfirmed_batches_lost"

_log = structlog.get_logger(__name__)

T = TypeVar("T")


def new_epoch() -> str:
    """Name an outbox file: 16 random hex digits."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An unconfirmed batch that could be sent."""

    seq: int
    size: int
    live: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """What is in no batch yet: how many observations, and how many would be enough for a batch."""

    count: int
    enough: int


class Outbox:
    """The outbox file of one gateway. The caller holds the data folder's lock."""

    def __init__(
        self,
        data_dir: Path,
        clock: Clock,
        hold_s: float,
        epoch_source: Callable[[], str] = new_epoch,
        budget: Budget = Budget(),  # noqa: B008 - frozen
    ) -> None:
        """Open or make the file, salvage a damaged one. `hold_s`: how long to wait for a clock.

        A file that is there but cannot be opened now, for want of room, is tried again with each
        use. Raises StoreError for all else, and for a file that cannot be made.
        """
        self.path = data_dir / FILE_NAME
        self.epoch = ""
        self._clock = clock
        self._hold_ms = int(hold_s * 1000)
        self._epoch_source = epoch_source
        self._budget = budget
        self._lock = Lock()  # guards the connection
        self._room = Room(self.path)
        self._sealing = Lock()  # one sealer; the encoding itself leaves the connection free
        self._db: sqlite3.Connection | None = None
        self._closed = self._damaged = False
        self._reopen_at_ms = 0
        self._hindrance = ""
        try:
            self._open()
        except NoRoomError as error:
            if not self.path.exists():
                raise
            _log.error(OPEN_POSTPONED, reason=str(error), retry_s=REOPEN_MS / 1000)

    def _open(self) -> sqlite3.Connection:
        """Open the file, at most every REOPEN_MS; raises StoreError."""
        if self._clock.mono_ms() < self._reopen_at_ms:
            raise NoRoomError(self._hindrance)
        try:
            db = self._opened()
        except NoRoomError as error:
            self._hindrance = str(error)
            self._reopen_at_ms = self._clock.mono_ms() + REOPEN_MS
            raise
        self.epoch = db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
        if self._hindrance:
            _log.info(OPENED, epoch=self.epoch)
        self._room.lengthen_log()
        self._db = db
        return db

    def _opened(self) -> sqlite3.Connection:
        try:
            return open_or_salvage(self.path, self._now_ms, self._epoch_source)
        except NoRoomError:
            if not self._room.spend():
                raise
            _log.warning(SPARE_SPENT)
            return open_or_salvage(self.path, self._now_ms, self._epoch_source)

    def close(self) -> None:
        """Fold the write-ahead log into the file, mark it as whole and close it."""
        with self._sealing, self._lock:
            self._closed = True
            if self._db is None:
                return
            if not self._damaged:  # else the next start must look
                with suppress(sqlite3.Error):  # a full disk: the next start checks once more
                    self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, '1')", (CLEAN,))
            self._db.close()

    def __enter__(self) -> Self:
        """Use the outbox."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # ------------------------------------------------------------ observations

    def append(
        self, observations: Sequence[Observation], memos: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Keep what was observed now with its memos, then others; all or nothing. StoreError."""
        boot, source = self._clock.boot_id, self._clock.source().value
        offset_ms = self._clock.wall_of(0)
        rows = [
            (boot, one.mono_ms, one.mono_ms + offset_ms, source, one.datastream, *stored(one))
            for one in observations
        ]
        notes = {MEMO + one.datastream: one.memo for one in observations if one.memo}
        notes |= {MEMO + name: memo for name, memo in memos.items()}
        self._with_room(lambda db: insert(db, rows, notes))

    def append_stamped(self, samples: Iterable[tuple[str, Sample]]) -> None:
        """Keep values of the past that carry a wall time of their own; raises StoreError."""
        source = ClockSource.NTP.value
        rows = [
            ("", 0, sample.time_ms, source, datastream, *stored(sample))
            for datastream, sample in samples
        ]
        self._with_room(lambda db: insert(db, rows))

    def pending(self) -> Pending:
        """Tell what waits to be sealed, at the same small cost however much it is.

        The count may be too high where kinds of rows were sealed apart, never too low.
        """
        with self._reading() as db:
            first, last = db.execute(
                "SELECT (SELECT min(id) FROM pending), (SELECT max(id) FROM pending)"
            ).fetchone()
            is_tight = self._room.lacks() > 0
        count = 0 if first is None else last - first + 1
        return Pending(count, sealing.enough(self._budget.max_bytes, is_tight=is_tight))

    def seal(self, limit: int = SEAL_LIMIT) -> int:
        """Seal one batch of each kind of pending rows, of at most `limit` observations.

        On a disk that is nearly full, of fewer. Returns how many observations went into batches; 0
        says that none is left that may go. Raises StoreError.
        """
        with self._sealing:
            now = self._clock_state()
            if self._room.lacks() > 0:
                limit = min(limit, sealing.TIGHT_LIMIT)
            with self._reading() as db:
                found = kinds_waiting(db)
            count = sum(self._seal_kind(boot, clock, now, limit) for boot, clock in found)
            if count:
                self._fit(self._budget.max_bytes)
            return count

    def _clock_state(self) -> ClockState:
        clock = self._clock
        return ClockState(clock.boot_id, clock.source(), clock.wall_of(0), clock.mono_ms())

    def _seal_kind(self, boot: str, recorded: str, now: ClockState, limit: int) -> int:
        try:
            how = sealing.release(boot, ClockSource(recorded), now, self._hold_ms)
        except ValueError as error:
            self._condemn_for(error)
        kind = Kind(boot, recorded, how.until_mono_ms)
        try:
            with self._reading() as db:
                waiting = Waiting(rows_waiting(db, kind, limit), how)
            if not waiting:
                return 0
            batch = sealing.seal(waiting)
        except (ValueError, TypeError, ArithmeticError) as error:
            self._condemn_for(error)
        now_ms = now.mono_ms + now.offset_ms
        self._with_room(lambda db: self._keep(db, batch, kind, now_ms))
        return batch.count

    def _condemn_for(self, error: Exception) -> NoReturn:
        """Give the file up for a row that cannot be sealed: it would stop all that come after.

        What was appended can be sealed, so this is not what was appended.
        """
        self._condemn()
        raise DamagedError(self.path, f"an observation that waits: {error!r}") from error

    def _keep(self, db: sqlite3.Connection, batch: Sealed, kind: Kind, now_ms: int) -> None:
        gone = exchange(db, batch, kind, now_ms)
        if gone != batch.count:
            raise StoreError(f"{self.path}: {batch.count} rows were sealed but {gone} removed")

    # ------------------------------------------------------------ batches

    def unconfirmed(
        self, limit: int, live_since_ms: int, skip: Collection[int] = ()
    ) -> list[Candidate]:
        """List batches to send: those with an observation since `live_since_ms`, then the oldest.

        At most `limit`, none of `skip`.
        """
        wanted = limit + len(skip)
        with self._reading() as db:
            live = db.execute(
                "SELECT seq, bytes FROM batch WHERE state = 'unconfirmed' AND last_ms >= ?"
                " ORDER BY last_ms DESC, seq DESC LIMIT ?",
                (live_since_ms, wanted),
            ).fetchall()
            backlog = db.execute(
                "SELECT seq, bytes FROM batch WHERE state = 'unconfirmed' AND last_ms < ?"
                " ORDER BY last_ms, seq LIMIT ?",
                (live_since_ms, wanted),
            ).fetchall()
        both = [
            *(Candidate(seq, size, live=True) for seq, size in live),
            *(Candidate(seq, size, live=False) for seq, size in backlog),
        ]
        return [one for one in both if one.seq not in skip][:limit]

    def payload(self, seq: int) -> bytes | None:
        """Read a batch's bytes; None when it is no longer kept. Raises StoreError."""
        query = "SELECT body FROM batch LEFT JOIN payload USING (seq) WHERE seq = ?"
        with self._reading() as db:
            found = db.execute(query, (seq,)).fetchone()
            if found and found[0] is None:  # a disk that forgets what it synced does this
                raise DamagedError(self.path, f"batch {seq} has lost its bytes")
        return bytes(found[0]) if found else None

    def confirm(self, ranges: Iterable[tuple[int, int]]) -> int:
        """Mark closed ranges of seq as stored by the server; return how many batches that changed.

        A batch once refused can be stored later (the server replayed it). Raises StoreError.
        """
        now_ms = self._now_ms()
        with self._transaction() as db:
            return sum(
                db.execute(
                    "UPDATE batch SET state = 'stored', reason = '', settled_at_ms = ?"
                    " WHERE seq BETWEEN ? AND ? AND state <> 'stored'",
                    (now_ms, first, last),
                ).rowcount
                for first, last in ranges
            )

    def refuse(self, refusals: Iterable[Refusal]) -> int:
        """Mark batches as refused by the server, for a technician to look at; count the changed.

        One whose number is taken gets a new one and is sent again, also when a receipt counted it
        as stored. Else what was once stored stays stored. Raises StoreError.
        """
        now_ms = self._now_ms()
        with self._transaction() as db:
            return sum(
                renumber(db, one.seq) if one.taken else set_aside(db, one, now_ms)
                for one in refusals
            )

    def recall(self, wanted: Sequence[tuple[int, int]], limit: int) -> Recalled:
        """Send batches again that the server has lost, at most `limit`; raises StoreError."""
        return self._transact(lambda db: recall(db, wanted, limit))

    def digests(self, span: tuple[int, int], limit: int) -> list[tuple[int, bytes]]:
        """Give the first `limit` unconfirmed batches of a closed range with their SHA-256."""
        with self._reading() as db:
            return digests(db, span, limit)

    def figures(self) -> OutboxFigures:
        """Count batches; `lost` are those removed unconfirmed because the budget was gone.

        `dropped` are observations that gave way in memory.
        """
        with self._reading() as db:
            sealed, unconfirmed, refused = db.execute(
                "SELECT (SELECT value FROM meta WHERE key = 'sealed'),"
                " (SELECT count(*) FROM batch WHERE state = 'unconfirmed'),"
                " (SELECT count(*) FROM batch WHERE state = 'refused')"
            ).fetchone()
            return OutboxFigures(
                epoch=self.epoch,
                sealed=int(sealed),
                unconfirmed=unconfirmed,
                refused=refused,
                lost=retention.read_lost(db).batches,
                dropped=retention.read_dropped(db),
            )

    def past_figures(self) -> list[OutboxFigures]:
        """Tell how far earlier epochs had come when their damaged files were set aside."""
        with self._reading() as db:
            return read_past(db)

    # ------------------------------------------------------------ retention

    def prune(self, keep_ms: int | None = None, max_bytes: int | None = None) -> int:
        """Remove confirmed batches that are too old, then what is over the size budget.

        Without arguments the outbox's own budget holds. Returns how many batches (or, with no
        batch left, observations) were removed. Raises StoreError.
        """
        keep_ms = self._budget.keep_ms if keep_ms is None else keep_ms
        horizon_ms = self._now_ms() - keep_ms
        removed = 0
        with self._sealing:
            while count := self._transact(lambda db: retention.drop_aged(db, horizon_ms)):
                removed += count
            removed += self._fit(self._budget.max_bytes if max_bytes is None else max_bytes)
            self._room.save()
            if self._room.lacks() <= 0:  # else the free pages are our reserve
                self._reclaim()
        return removed

    def _reclaim(self) -> None:
        """Give free pages back to the disk, in steps; a file of an older program keeps them."""
        before = None
        while (free := self._transact(retention.reclaim)) and free != before:
            before = free

    def _fit(self, max_bytes: int) -> int:
        """Shrink what is used to the budget; the caller holds the sealing lock."""
        with self._reading() as db:
            before = retention.read_lost(db)
        removed = 0
        while count := self._transact(lambda db: retention.make_room(db, self._room.lacks())):
            removed += count
            _log.warning(CONFIRMED_DROPPED, count=count)
        while count := self._transact(lambda db: retention.shrink(db, max_bytes)):
            removed += count
        if removed:
            with self._reading() as db:
                after = retention.read_lost(db)
            if after != before:
                _log.error(
                    UNCONFIRMED_LOST,
                    observations=after.observations - before.observations,
                    total=after.observations,
                )
        return removed

    def _with_room(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Do it in one transaction; on a full disk, again with the log and the file in order."""
        for make_room in (self._fold, self._give_way, self._spend):
            try:
                self._transact(work)
            except NoRoomError:
                make_room()
            else:
                return
        self._transact(work)

    def _fold(self) -> None:
        with suppress(StoreError), self._reading() as db:
            fold(db)

    def _spend(self) -> None:
        """Give the spare file up: the log can be folded in, and confirmed batches can go."""
        if self._room.spend():
            _log.warning(SPARE_SPENT)
            self._fold()
            self._give_way()

    def _give_way(self) -> None:
        """Remove the oldest confirmed batches, safe on the server, so that new data finds room."""
        with suppress(StoreError):
            count = self._transact(retention.drop_confirmed)
            if count:
                _log.warning(CONFIRMED_DROPPED, count=count)

    # ------------------------------------------------------------ notes

    def meta(self, key: str) -> str | None:
        """Read a note kept beside the batches."""
        with self._reading() as db:
            found = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    def set_meta(self, values: dict[str, str]) -> None:
        """Keep notes beside the batches, in one transaction."""
        with self._transaction() as db:
            db.executemany(NOTE, values.items())

    def count_dropped(self, count: int) -> None:
        """Note observations that never came this far: memory was full while the disk was."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO meta VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + excluded.value",
                (retention.DROPPED, str(count)),
            )

    def _now_ms(self) -> int:
        return self._clock.wall_of(self._clock.mono_ms())

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._transaction() as db:
            return work(db)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors():
            yield self._connection()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors():
            db = self._connection()
            self._room.hold(db)
            with transaction(db):
                yield db

    def _connection(self) -> sqlite3.Connection:
        if self._db is not None:
            return self._db
        if self._closed:
            raise StoreError(f"{self.path}: the outbox is closed")
        return self._open()

    @property
    def is_damaged(self) -> bool:
        """Tell whether reading or writing met damage: opened anew, the outbox is salvaged."""
        return self._damaged

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with store_errors(self.path):
                yield
        except DamagedError:
            self._condemn()
            raise

    def _condemn(self) -> None:
        self._damaged = True
        condemn(self.path)
