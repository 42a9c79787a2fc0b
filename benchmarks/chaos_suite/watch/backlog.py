"""Whether a gateway that goes on reading has caught up: read from its outbox while it runs."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from deploy.demo import outboxes

# The newest batches may be under way; one before them has had the time to be confirmed.
FRESH = 5
_OVERDUE = """
SELECT count(*) FROM batch
WHERE state = 'unconfirmed' AND seq <= (SELECT max(seq) FROM batch) - ?
"""
_CONFIRMED = """
SELECT value, seq FROM batch, meta WHERE state = 'stored' AND key = 'epoch'
"""
_LIVE = "SELECT count(*) FROM batch WHERE state = 'stored' AND seq > ?"


class Backlog:
    """All that an outbox holds at the first look, and whatever grows old since."""

    def __init__(self, path: Path) -> None:
        """Look at nothing yet."""
        self._path = path
        self._waiting: outboxes.Mark | None = None
        self._sealed: outboxes.Mark | None = None

    def is_confirmed(self) -> bool:
        """Tell whether the server has answered for all of it."""
        try:
            return self._is_first_lot_settled() and not self._overdue()
        except sqlite3.OperationalError:  # its gateway is just starting
            return False

    def is_live(self) -> bool:
        """Tell whether something that was sealed after the first look has been confirmed."""
        try:
            return self._waiting is not None and bool(self._count(_LIVE, self._waiting.seq))
        except sqlite3.OperationalError:
            return False

    def confirmed(self) -> list[tuple[str, int]]:
        """Name, by epoch and number, the batches that the server is believed to have."""
        try:
            return self._rows(_CONFIRMED)
        except sqlite3.OperationalError:
            return []

    def _is_first_lot_settled(self) -> bool:
        if self._waiting is None:
            self._waiting = outboxes.newest(self._path)
        if self._sealed is None and outboxes.is_sealed(self._path, self._waiting):
            self._sealed = outboxes.newest(self._path)
        return self._sealed is not None and outboxes.is_settled(self._path, self._sealed)

    def _overdue(self) -> int:
        """Count batches that should have been confirmed: sent into a void, they wait to be re-sent.

        A gateway that stopped now would keep them, rightly; but nobody would see them arrive.
        """
        return self._count(_OVERDUE, FRESH)

    def _count(self, query: str, value: int) -> int:
        ((count,),) = self._rows(query, value)
        return int(count)

    def _rows(self, query: str, *values: int) -> list[Any]:
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5)) as db:
            return db.execute(query, values).fetchall()
