"""Whether a gateway that goes on reading has caught up: read from its outbox while it runs."""

import sqlite3
from contextlib import closing
from pathlib import Path

from deploy.demo import outboxes

# A batch this old has had the time to be sent, stored and confirmed when all is well.
FRESH_MS = 4000
_OVERDUE = "SELECT count(*) FROM batch WHERE state = 'unconfirmed' AND sealed_at_ms < ?"

_LIVE = "SELECT count(*) FROM batch WHERE state = 'stored' AND sealed_at_ms > ?"


class Backlog:
    """All that an outbox holds at the first look, and whatever grows old since."""

    def __init__(self, path: Path) -> None:
        """Look at nothing yet."""
        self._path = path
        self._waiting: outboxes.Mark | None = None
        self._sealed: outboxes.Mark | None = None

    def is_confirmed(self, now_ms: int) -> bool:
        """Tell whether the server has answered for all of it; `now_ms` is the wall clock."""
        try:
            return self._is_first_lot_settled() and not self._overdue(now_ms)
        except sqlite3.OperationalError:  # its gateway is just starting
            return False

    def is_live(self, since_ms: int) -> bool:
        """Tell whether something that was sealed after `since_ms` has been confirmed."""
        try:
            return bool(self._count(_LIVE, since_ms))
        except sqlite3.OperationalError:
            return False

    def _is_first_lot_settled(self) -> bool:
        if self._waiting is None:
            self._waiting = outboxes.newest(self._path)
        if self._sealed is None and outboxes.is_sealed(self._path, self._waiting):
            self._sealed = outboxes.newest(self._path)
        return self._sealed is not None and outboxes.is_settled(self._path, self._sealed)

    def _overdue(self, now_ms: int) -> int:
        """Count batches that should have been confirmed: sent into a void, they wait to be re-sent.

        A gateway that stopped now would keep them, rightly; but nobody would see them arrive.
        """
        return self._count(_OVERDUE, now_ms - FRESH_MS)

    def _count(self, query: str, instant_ms: int) -> int:
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5)) as db:
            ((count,),) = db.execute(query, (instant_ms,)).fetchall()
        return int(count)
