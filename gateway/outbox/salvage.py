"""Salvage: a damaged outbox is set aside under a new name, what it still yields moves to a new one.

The new file is made whole under a name of its own before anything is renamed, so that a power cut
at any point leaves either the damaged file or the salvaged one to go on with.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from gateway.outbox.history import Salvage, note_salvage, read_salvages
from gateway.outbox.rescue import Carried, carry, readable
from gateway.outbox.schema import (
    JOURNAL_SUFFIX,
    SHM_SUFFIX,
    WAL_SUFFIX,
    DamagedError,
    NoRoomError,
    check,
    open_unchecked,
    open_writable,
    roll_back,
    store_errors,
    transaction,
)

SALVAGED = "outbox_salvaged"

_FRESH = "outbox.salvage.db"
_COPY = "outbox.rescue.db"
_CONDEMNED = "outbox.condemned"
_COMPLETE = "salvage_complete"
_HEADER_PAGES_AT = slice(28, 32)  # https://www.sqlite.org/fileformat.html 1.3: size in pages

_log = structlog.get_logger(__name__)


def open_or_salvage(
    path: Path, now_ms: Callable[[], int], new_epoch: Callable[[], str]
) -> sqlite3.Connection:
    """Open the outbox; make it when it is not there, replace it when it is damaged.

    Raises StoreError, and NoRoomError when the disk takes nothing now.
    """
    try:
        _finish(path)
        try:
            _look(path)
            return open_writable(path, new_epoch)
        except DamagedError as error:
            _salvage(path, error.detail, now_ms(), new_epoch)
        return open_writable(path, new_epoch)
    except OSError as error:
        raise NoRoomError(
            f"{path}: {error.strerror}; check the disk's free space (df) and the folder's owner"
        ) from error


def condemn(path: Path) -> None:
    """Have the file salvaged at the next start, whatever its check says: using it met damage."""
    with suppress(OSError):  # on a full disk the next start has the check alone to go by
        path.with_name(_CONDEMNED).touch()


def _look(path: Path) -> None:
    if path.with_name(_CONDEMNED).exists():
        raise DamagedError(path, "reading or writing it met damage")
    if path.exists() and _beside(path, JOURNAL_SUFFIX).exists():
        roll_back(path)
    size = path.stat().st_size if path.exists() else 0
    log = _beside(path, WAL_SUFFIX)
    if size == 0 and log.exists() and log.stat().st_size > 0:
        raise DamagedError(path, "the file is empty or gone, its -wal file is not")
    if size:
        check(path)


def _salvage(path: Path, reason: str, now_ms: int, new_epoch: Callable[[], str]) -> None:
    fresh = path.with_name(_FRESH)
    _discard(fresh)
    aside = _free_name(path, now_ms)
    with store_errors(fresh), closing(open_writable(fresh, new_epoch)) as db:
        carried = _carry_from(path, db)
        with transaction(db):
            note = Salvage(now_ms, aside.name, reason, carried.observations, carried.unreadable)
            note_salvage(db, note, carried.figures)
            db.execute("INSERT INTO meta VALUES (?, ?)", (_COMPLETE, aside.name))
    _finish(path)


def _carry_from(path: Path, db: sqlite3.Connection) -> Carried:
    """Carry over from the damaged file; when even its first page is gone, from a mended copy."""
    if not path.exists():
        return Carried()
    with closing(open_unchecked(path)) as old:
        if readable(old):
            return carry(old, db)
    copy = path.with_name(_COPY)
    _discard(copy)
    try:
        _mend(path, copy, db)
        with closing(open_unchecked(copy)) as old:
            return carry(old, db) if readable(old) else Carried()
    except OSError:
        return Carried()  # no room for a copy: what is in the file stays in it, for a person
    finally:
        _discard(copy)


def _mend(path: Path, copy: Path, fresh: sqlite3.Connection) -> None:
    """Copy the file with the first page of a new outbox, whose tables begin on the same pages."""
    shutil.copyfile(path, copy)
    with suppress(FileNotFoundError):
        shutil.copyfile(_beside(path, WAL_SUFFIX), _beside(copy, WAL_SUFFIX))
    fresh.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    name = fresh.execute("PRAGMA database_list").fetchone()[2]
    with Path(name).open("rb") as file:
        page = bytearray(file.read(fresh.execute("PRAGMA page_size").fetchone()[0]))
    page[_HEADER_PAGES_AT] = bytes(4)  # "not known": then the file's own length holds
    with copy.open("r+b") as file:
        file.write(page)


def _finish(path: Path) -> None:
    """Put a salvaged file in the place of the damaged one; discard one that was not completed."""
    fresh = path.with_name(_FRESH)
    if not fresh.exists():
        return
    aside = _completed(fresh)
    if aside is None:
        _discard(fresh)
        return
    target = path.with_name(aside)
    # The log first: beside a new file under the old name it would be taken for that file's own.
    # What goes is made to last before what comes: not all file systems keep renames in order.
    _move(_beside(path, WAL_SUFFIX), _beside(target, WAL_SUFFIX))
    _beside(path, SHM_SUFFIX).unlink(missing_ok=True)
    _move(path, target)
    _sync_folder(path.parent)
    _hand_over(fresh, target)
    fresh.rename(path)
    path.with_name(_CONDEMNED).unlink(missing_ok=True)
    _sync_folder(path.parent)
    _tell(path)


def _completed(fresh: Path) -> str | None:
    """Name what the damaged file shall be called; None when the salvage was interrupted."""
    with store_errors(fresh):
        db = sqlite3.connect(fresh, isolation_level=None)
        with closing(db):
            try:
                row = db.execute("SELECT value FROM meta WHERE key = ?", (_COMPLETE,)).fetchone()
            except sqlite3.DatabaseError:
                return None
            busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if row is None:
        return None
    log = _beside(fresh, WAL_SUFFIX)
    if busy or (log.exists() and log.stat().st_size > 0):
        raise NoRoomError(f"{fresh}: its log could not be folded in; check free space (df)")
    log.unlink(missing_ok=True)
    _beside(fresh, SHM_SUFFIX).unlink(missing_ok=True)
    return str(row[0])


def _tell(path: Path) -> None:
    with closing(open_unchecked(path)) as db:
        note = read_salvages(db)[-1]
    _log.error(
        SALVAGED,
        set_aside=str(path.with_name(note.file)),
        reason=note.reason,
        observations=note.observations,
        unreadable=note.unreadable,
    )


def _free_name(path: Path, now_ms: int) -> Path:
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    names = (f"outbox.damaged-{stamp}{more}.db" for more in ("", *(f"-{n}" for n in range(2, 99))))
    return next(one for one in map(path.with_name, names) if not one.exists())


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _discard(path: Path) -> None:
    for suffix in ("", JOURNAL_SUFFIX, WAL_SUFFIX, SHM_SUFFIX):
        _beside(path, suffix).unlink(missing_ok=True)


def _move(source: Path, target: Path) -> None:
    with suppress(FileNotFoundError):
        source.rename(target)


def _hand_over(file: Path, elder: Path) -> None:
    """Give a file the owner of an older one: root may be at work in the folder of a service."""
    with suppress(OSError):
        owner = elder.stat()
        os.chown(file, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    """Make the renames last: fsync(2) on the folder, as its entries are its content."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
