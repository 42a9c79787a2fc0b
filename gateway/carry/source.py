"""An outbox opened for carrying. Changes nothing.

Beside a running gateway, from a card that cannot be written, or a damaged file that was set aside.
"""

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.errors import StoreError
from gateway.outbox.history import read_past
from gateway.outbox.rescue import readable
from gateway.outbox.retention import read_dropped, read_lost
from gateway.outbox.schema import (
    FILE_NAME,
    WAL_SUFFIX,
    DamagedError,
    NoRoomError,
    open_readonly,
    open_unchecked,
    store_errors,
)
from wire import batch as codec
from wire.carry import MAX_BATCHES, MAX_FILE_BYTES, MEMBER_OVERHEAD
from wire.errors import ContractError
from wire.messages import OutboxFigures

# When SQLite's message quotes what it found, and that is no text, it is the second.
_BROKEN = (sqlite3.DatabaseError, UnicodeDecodeError)

_KEPT = (
    "SELECT batch.seq, batch.bytes FROM batch JOIN payload USING (seq)"
    " WHERE (:all OR batch.state = 'unconfirmed' OR batch.last_ms >= :since_ms)"
    " AND (:since_ms IS NULL OR batch.last_ms >= :since_ms) ORDER BY batch.seq"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which batches: those not confirmed, all that are kept, or those with readings since then.

    `since_ms` is in ms UTC.
    """

    everything: bool = False
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch that can be carried, and its size in bytes."""

    seq: int
    size: int


class Source:
    """What an outbox file holds, as it was at one moment; reads raise StoreError."""

    def __init__(self, db: sqlite3.Connection, path: Path, *, is_damaged: bool) -> None:
        """Look at a file that is open; of a damaged one only what is whole is told."""
        self.path = path
        self._db = db
        self._is_damaged = is_damaged

    def meta(self, key: str) -> str | None:
        """Read a note; None too where damage has taken it."""
        with self._reading():
            found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            return str(found[0]) if found else None
        return None

    def set_meta(self, values: dict[str, str]) -> None:
        """Keep no note: what is composed from what is read here is composed again elsewhere."""

    def entries(self, choice: Choice) -> Iterator[Entry]:
        """List the chosen batches in the order of their numbers."""
        if self._is_damaged:
            yield from self._whole_entries(choice)
            return
        wanted = {"all": choice.everything, "since_ms": choice.since_ms}
        with store_errors(self.path):
            for seq, size in self._db.execute(_KEPT, wanted):
                yield Entry(seq, size)

    def payload(self, seq: int) -> bytes:
        """Read a batch's bytes."""
        with store_errors(self.path):
            found = self._db.execute("SELECT body FROM payload WHERE seq = ?", (seq,)).fetchone()
        if found is None:
            raise StoreError(f"{self.path}: batch {seq} was there and is gone; export again")
        return bytes(found[0])

    def pending(self) -> int:
        """Count the observations that are in no batch yet."""
        with self._reading():
            return int(self._db.execute("SELECT count(*) FROM pending").fetchone()[0])
        return 0

    def newest_ms(self) -> int:
        """Tell the newest instant in it, in ms UTC; 0 when it holds nothing."""
        with self._reading():
            found = self._db.execute(
                "SELECT max((SELECT coalesce(max(last_ms), 0) FROM batch),"
                " (SELECT coalesce(max(wall_ms), 0) FROM pending))"
            )
            return max(0, int(found.fetchone()[0]))
        return 0

    def figures(self) -> list[OutboxFigures]:
        """Count what was sealed and what became of it, as a status says it."""
        states = "SELECT count(*) FROM batch WHERE state = ?"
        with store_errors(self.path):
            counted = [
                int(self._db.execute(states, (state,)).fetchone()[0])
                for state in ("unconfirmed", "refused")
            ]
            own = OutboxFigures(
                epoch=self.meta("epoch") or "",
                sealed=int(self.meta("sealed") or "0"),
                unconfirmed=counted[0],
                refused=counted[1],
                lost=read_lost(self._db).batches,
                dropped=read_dropped(self._db),
            )
            return [own, *read_past(self._db)]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with ExitStack() as stack:
            if self._is_damaged:
                stack.enter_context(suppress(DamagedError))
            stack.enter_context(store_errors(self.path))
            yield

    def _whole_entries(self, choice: Choice) -> Iterator[Entry]:
        """List what can be read around the damage; what nobody can tell the state of is chosen."""
        states: dict[int, tuple[str, int]] = {}
        for seq, state, last_ms in self._around("batch", "seq, state, last_ms"):
            if isinstance(state, str) and isinstance(last_ms, int):
                states[seq] = (state, last_ms)
        found = {seq for (seq,) in self._around("payload", "seq")}
        for seq in sorted(found):
            if _is_chosen(choice, states.get(seq)) and (size := self._whole_size(seq)):
                yield Entry(seq, size)

    def _around(self, table: str, columns: str) -> Iterator[tuple[int, ...]]:
        """Read a table from the front and then from the back, each as far as it goes."""
        for order in ("seq", "seq DESC"):
            with suppress(*_BROKEN):
                yield from self._db.execute(f"SELECT {columns} FROM {table} ORDER BY {order}")  # noqa: S608 - constants only

    def _whole_size(self, seq: int) -> int:
        """Tell the size of a batch that can be decoded; 0 for another."""
        with suppress(*_BROKEN, ContractError):
            row = self._db.execute("SELECT body FROM payload WHERE seq = ?", (seq,)).fetchone()
            if row and isinstance(row[0], bytes):
                codec.decode(row[0])
                return len(row[0])
        return 0


def _is_chosen(choice: Choice, known: tuple[str, int] | None) -> bool:
    if known is None or choice.everything:
        return True
    state, last_ms = known
    return state == "unconfirmed" if choice.since_ms is None else last_ms >= choice.since_ms


@contextmanager
def open_source(data_dir: Path) -> Iterator[Source]:
    """Open the outbox in a data folder, from a copy where it cannot be read in place.

    A medium that cannot be written lets SQLite read a file with a log only where the log's index is
    there too. Raises StoreError.
    """
    path = data_dir / FILE_NAME
    with ExitStack() as stack:
        try:
            db = stack.enter_context(closing(open_readonly(path)))
        except NoRoomError:
            copy = _copied(path, Path(stack.enter_context(TemporaryDirectory(prefix="saxaul-"))))
            db = stack.enter_context(closing(open_readonly(copy)))
        with store_errors(path):
            db.execute("BEGIN")  # one view of all tables
            yield Source(db, path, is_damaged=False)


@contextmanager
def open_damaged(path: Path) -> Iterator[Source]:
    """Open a file that was set aside; raises StoreError when nothing in it can be found."""
    if not path.is_file():
        raise StoreError(f"{path}: there is no such file; correct --file")
    with ExitStack() as stack:
        # A copy: reading a file with a log writes beside it, and this one is kept for evidence.
        copy = _copied(path, Path(stack.enter_context(TemporaryDirectory(prefix="saxaul-"))))
        with store_errors(copy):
            db = stack.enter_context(closing(open_unchecked(copy)))
            is_outbox = readable(db)
        if not is_outbox:
            raise StoreError(f"{path}: no outbox can be made out in it; nothing to carry")
        yield Source(db, path, is_damaged=True)


def _copied(path: Path, folder: Path) -> Path:
    copy = folder / FILE_NAME
    try:
        shutil.copyfile(path, copy)
        with suppress(FileNotFoundError):
            log = path.with_name(path.name + WAL_SUFFIX)
            shutil.copyfile(log, copy.with_name(copy.name + WAL_SUFFIX))
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be copied to {folder}: {error.strerror}; "
            "name a folder with room for it in the environment: TMPDIR=/path"
        ) from error
    return copy


def portions(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Cut what is to be carried into files that are neither too large nor hold too much."""
    portion: list[Entry] = []
    size = 0
    for entry in entries:
        needed = entry.size + MEMBER_OVERHEAD
        if portion and (len(portion) == MAX_BATCHES or size + needed > MAX_FILE_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(entry)
        size += needed
    if portion:
        yield portion
