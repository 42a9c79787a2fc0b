"""What the server's file and the gateways' outboxes say of a batch, read while they are in use."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from wire import topics

_TIMEOUT_S = 1.0
_STORED = "SELECT 1 FROM journal WHERE gateway = ? AND epoch = ? AND seq = ? LIMIT 1"
_CONFIRMED = "SELECT seq FROM batch WHERE state = 'stored'"
_EPOCH = "SELECT value FROM meta WHERE key = 'epoch'"


def is_stored(database: Path, topic: str) -> bool:
    """Tell whether a batch is in the server's SQLite file; True while that cannot be read."""
    batch = topics.parse_up(topic)
    if not isinstance(batch, topics.BatchTopic):
        return True
    try:
        with closing(_opened(database)) as db:
            found = db.execute(_STORED, (batch.gateway, batch.epoch, batch.seq)).fetchone()
    except sqlite3.OperationalError:
        return True
    return found is not None


def confirmed(outboxes: Mapping[str, Path]) -> set[str]:
    """Name the batches that outboxes hold for confirmed; those that cannot be read say nothing."""
    found: set[str] = set()
    for gateway, path in outboxes.items():
        try:
            with closing(_opened(path)) as db:
                epoch = str(db.execute(_EPOCH).fetchone()[0])
                found.update(topics.batch(gateway, epoch, seq) for (seq,) in db.execute(_CONFIRMED))
        except sqlite3.OperationalError:
            continue
    return found


def _opened(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=_TIMEOUT_S, isolation_level=None)
