"""The outbox's store: append, seal, confirm, refuse, prune. One transaction each, any thread.

`append` returns when the observations are on the disk; from then on a power cut loses nothing.
"""

import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Self

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.outbox.schema import FILE_NAME, open_writable, store_errors, transaction
from gateway.outbox.sealing import ClockState, Row, Sealed, release, seal
from gateway.readings import Observation
from wire.batch import Sample, representable
from wire.messages import ClockSource, OutboxFigures, Refusal
from wire.quality import Flag

# What one batch takes of what is pending: bounds the memory that sealing needs (about 4 MB).
SEAL_LIMIT = 5_000
# How long confirmed batches are kept, so that a server restored from a backup can ask for them.
KEEP_CONFIRMED_MS = 30 * 86_400_000
KEEP_CONFIRMED_BYTES = 2_000_000_000
# Batches removed in one transaction, so that a long prune does not keep readings waiting.
_PRUNE_LIMIT = 200

_INSERT = (
    "INSERT INTO pending (boot, mono_ms, wall_ms, clock, datastream, value, flag, reason)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_KIND = "boot = ? AND clock = ? AND mono_ms <= ?"


def new_epoch() -> str:
    """Name an outbox file: 16 random hex digits."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An unconfirmed batch that could be sent."""

    seq: int
    size: int
    live: bool


class Outbox:
    """The outbox file of one gateway. The caller holds the data folder's lock."""

    def __init__(
        self,
        data_dir: Path,
        clock: Clock,
        hold_s: float,
        epoch_source: Callable[[], str] = new_epoch,
    ) -> None:
        """Open or make the file; raises StoreError. `hold_s`: how long to wait for a clock."""
        self.path = data_dir / FILE_NAME
        self._clock = clock
        self._hold_ms = int(hold_s * 1000)
        self._db = open_writable(self.path, epoch_source)
        self._lock = Lock()  # guards the connection
        self._sealing = Lock()  # one sealer; the encoding itself leaves the connection free
        self.epoch = self.meta("epoch") or ""

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        with self._sealing, self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        """Use the outbox."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # ------------------------------------------------------------ observations

    def append(self, observations: Sequence[Observation]) -> None:
        """Keep what was observed now, all of it or nothing; raises StoreError."""
        boot, source = self._clock.boot_id, self._clock.source().value
        offset_ms = self._clock.wall_of(0)
        rows = [
            (boot, one.mono_ms, one.mono_ms + offset_ms, source, one.datastream, *_stored(one))
            for one in observations
        ]
        with self._transaction() as db:
            db.executemany(_INSERT, rows)

    def append_stamped(self, samples: Iterable[tuple[str, Sample]]) -> None:
        """Keep values of the past that carry a wall time of their own; raises StoreError."""
        source = ClockSource.NTP.value
        rows = [
            ("", 0, sample.time_ms, source, datastream, *_stored(sample))
            for datastream, sample in samples
        ]
        with self._transaction() as db:
            db.executemany(_INSERT, rows)

    def seal(self, limit: int = SEAL_LIMIT) -> int:
        """Seal one batch of each kind of pending rows, of at most `limit` observations.

        Returns how many observations went into batches; 0 says that none is left that may go.
        Raises StoreError.
        """
        with self._sealing:
            now = self._clock_state()
            with self._reading() as db:
                kinds = db.execute("SELECT DISTINCT boot, clock FROM pending").fetchall()
            return sum(self._seal_kind(boot, clock, now, limit) for boot, clock in kinds)

    def _clock_state(self) -> ClockState:
        clock = self._clock
        return ClockState(clock.boot_id, clock.source(), clock.wall_of(0), clock.mono_ms())

    def _seal_kind(self, boot: str, recorded: str, now: ClockState, limit: int) -> int:
        how = release(boot, ClockSource(recorded), now, self._hold_ms)
        kind = (boot, recorded, how.until_mono_ms)
        with self._reading() as db:
            cursor = db.execute(
                "SELECT id, mono_ms, wall_ms, datastream, value, flag, reason FROM pending"  # noqa: S608 - constants only
                f" WHERE {_KIND} ORDER BY id LIMIT ?",
                (*kind, limit),
            )
            rows = [Row._make(row) for row in cursor]
        if not rows:
            return 0
        batch = seal(rows, how)
        self._keep(batch, kind, now.mono_ms + now.offset_ms)
        return batch.count

    def _keep(self, batch: Sealed, kind: tuple[str, str, int], now_ms: int) -> None:
        """Put a batch in the place of the rows it was made of."""
        with self._transaction() as db:
            sealed = db.execute("SELECT value FROM meta WHERE key = 'sealed'").fetchone()[0]
            seq = int(sealed) + 1
            db.execute(
                "INSERT INTO batch (seq, clock, count, bytes, first_ms, last_ms, sealed_at_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(seq, batch.clock.value, batch.count, len(batch.payload)),
                    *(batch.first_ms, batch.last_ms, now_ms),
                ),
            )
            db.execute("INSERT INTO payload VALUES (?, ?)", (seq, batch.payload))
            db.execute("UPDATE meta SET value = ? WHERE key = 'sealed'", (str(seq),))
            gone = db.execute(
                f"DELETE FROM pending WHERE {_KIND} AND id <= ?",  # noqa: S608 - constants only
                (*kind, batch.last_id),
            ).rowcount
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
        """Read a batch's bytes; None when it is no longer kept."""
        with self._reading() as db:
            found = db.execute("SELECT body FROM payload WHERE seq = ?", (seq,)).fetchone()
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

        What was once stored stays stored. Raises StoreError.
        """
        now_ms = self._now_ms()
        with self._transaction() as db:
            return sum(
                db.execute(
                    "UPDATE batch SET state = 'refused', reason = ?, settled_at_ms = ?"
                    " WHERE seq = ? AND state = 'unconfirmed'",
                    (one.reason, now_ms, one.seq),
                ).rowcount
                for one in refusals
            )

    def figures(self) -> OutboxFigures:
        """Count batches; nothing is ever evicted unconfirmed, so `lost` is 0."""
        with self._reading() as db:
            sealed, unconfirmed, refused = db.execute(
                "SELECT (SELECT value FROM meta WHERE key = 'sealed'),"
                " (SELECT count(*) FROM batch WHERE state = 'unconfirmed'),"
                " (SELECT count(*) FROM batch WHERE state = 'refused')"
            ).fetchone()
        return OutboxFigures(
            epoch=self.epoch, sealed=int(sealed), unconfirmed=unconfirmed, refused=refused
        )

    def prune(
        self, keep_ms: int = KEEP_CONFIRMED_MS, keep_bytes: int = KEEP_CONFIRMED_BYTES
    ) -> int:
        """Remove confirmed batches that are too old or too many, oldest first; count them."""
        removed = 0
        while seqs := self._prunable(self._now_ms() - keep_ms, keep_bytes):
            with self._transaction() as db:
                db.executemany("DELETE FROM payload WHERE seq = ?", seqs)
                db.executemany("DELETE FROM batch WHERE seq = ?", seqs)
            removed += len(seqs)
        return removed

    def _prunable(self, horizon_ms: int, keep_bytes: int) -> list[tuple[int]]:
        with self._reading() as db:
            return db.execute(
                "SELECT seq FROM (SELECT seq, settled_at_ms, sum(bytes) OVER (ORDER BY seq DESC)"
                " AS total FROM batch WHERE state = 'stored')"
                " WHERE total > ? OR settled_at_ms < ? LIMIT ?",
                (keep_bytes, horizon_ms, _PRUNE_LIMIT),
            ).fetchall()

    # ------------------------------------------------------------ notes

    def meta(self, key: str) -> str | None:
        """Read a note kept beside the batches."""
        with self._reading() as db:
            found = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    def set_meta(self, values: dict[str, str]) -> None:
        """Keep notes beside the batches, in one transaction."""
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def _now_ms(self) -> int:
        return self._clock.wall_of(self._clock.mono_ms())

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, store_errors(self.path):
            yield self._db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, store_errors(self.path), transaction(self._db):
            yield self._db


def _stored(one: Observation | Sample) -> tuple[Any, ...]:
    """Write value, flag and reason; what a batch could not carry becomes a missing that says so."""
    if one.value is None:
        return None, int(Flag.MISSING), one.reason
    if not representable(one.value):
        return None, int(Flag.MISSING), f"value out of range: {one.value}"
    return str(one.value), int(one.flag), ""
