"""Keeps an outbox able to work on a disk that is nearly full.

What SQLite accepts stands in its log until it is folded into the file. Should the file not be able
to grow by then, the log could neither be folded in nor begun anew, and nothing could be written any
more, not even a removal. So on a disk that is nearly full the file grows only by what the disk has
room for beside the log, and the log is kept short. For a disk that something else fills at a blow,
a spare file is kept, to be given up when nothing else helps.
"""

import os
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

from gateway.outbox.schema import WAL_SUFFIX

# With less than this free on the disk, confirmed batches make room inside the file.
RESERVE_BYTES = 32_000_000
# Of what is free, the log's own share: the largest transaction, and what waits to be folded in.
LOG_BYTES = 1_000_000
# What the log usually holds, twice: enough to fold it in whatever it holds.
SPARE_BYTES = 8_000_000
SPARE_FILE = "outbox.spare"
# After so many pages the log is folded into the file.
_SHORT_LOG, _USUAL_LOG = 64, 1000
# https://www.sqlite.org/limits.html, number of pages: more than any budget allows.
_ANY_PAGES = 2**30


def free_bytes(folder: Path) -> int:
    """Tell how much the disk can still take: enough, where it does not say; SQLite will notice."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return RESERVE_BYTES


class Room:
    """How much room there is for one outbox file. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Begin unlimited."""
        self._path = path
        self._tight = False
        self._log = path.with_name(path.name + WAL_SUFFIX)
        self._spare = path.with_name(SPARE_FILE)

    def lacks(self) -> int:
        """Tell how many bytes the disk has less than what we want to be able to write."""
        return RESERVE_BYTES - free_bytes(self._path.parent)

    def hold(self, db: sqlite3.Connection) -> None:
        """Hold the file to what the disk can take now; called before each transaction."""
        free = free_bytes(self._path.parent)
        if free >= RESERVE_BYTES:
            if self._tight:
                self._set(db, _USUAL_LOG, _ANY_PAGES)
                self._tight = False
            return
        if not self._tight:
            fold(db)
            self._tight = True
        growth = free - max(0, LOG_BYTES - _size(self._log))
        page = db.execute("PRAGMA page_size").fetchone()[0]
        # A file that has more already is not made smaller by this.
        self._set(db, _SHORT_LOG, max(1, (_size(self._path) + growth) // page))

    def lengthen_log(self) -> None:
        """Take the log's share of the disk at once; what of it is not written yet SQLite ignores.

        A short log on a full disk would take no batch, for a batch is longer than a tick.
        """
        if free_bytes(self._path.parent) < 2 * LOG_BYTES:
            return
        with suppress(OSError), self._log.open("ab") as file:
            if file.tell() < LOG_BYTES:
                os.posix_fallocate(file.fileno(), 0, LOG_BYTES)

    def save(self) -> None:
        """Set the spare file aside, once the disk has plenty; without it work goes on as well."""
        if not self._spare.exists() and self.lacks() + SPARE_BYTES <= 0:
            with suppress(OSError), self._spare.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, SPARE_BYTES)

    def spend(self) -> bool:
        """Give the spare file up; tell whether there was one."""
        with suppress(OSError):
            self._spare.unlink()
            return True
        return False

    def _set(self, db: sqlite3.Connection, log_pages: int, pages: int) -> None:
        db.execute(f"PRAGMA wal_autocheckpoint = {log_pages}")
        db.execute(f"PRAGMA max_page_count = {pages}")


def fold(db: sqlite3.Connection) -> bool:
    """Fold the log into the file as far as its readers let; tell whether all of it went."""
    try:
        _, pages, folded = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.OperationalError:  # the file cannot grow: it may later
        return False
    return bool(pages == folded)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
