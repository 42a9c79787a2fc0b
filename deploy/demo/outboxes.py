"""How far gateways have come with sending, read from their outbox files while they run."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mark:
    """A point in an outbox: how many observations wait for a batch, and the newest batch."""

    pending: int
    seq: int


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=5)) as db:
        yield db


def unsent(path: Path) -> int:
    """Count observations that the server has not yet confirmed."""
    with _opened(path) as db:
        pending = _number(db, "SELECT count(*) FROM pending")
        return pending + _number(db, "SELECT sum(count) FROM batch WHERE state = 'unconfirmed'")


def newest(path: Path) -> Mark:
    """Tell where an outbox stands now."""
    with _opened(path) as db:
        return Mark(
            _number(db, "SELECT count(*) FROM pending"), _number(db, "SELECT max(seq) FROM batch")
        )


def is_sealed(path: Path, mark: Mark) -> bool:
    """Tell whether all that waited for a batch at `mark` is in one: sealing takes all there is."""
    return mark.pending == 0 or newest(path).seq > mark.seq


def is_settled(path: Path, mark: Mark) -> bool:
    """Tell whether the server has answered for every batch up to `mark`."""
    query = "SELECT count(*) FROM batch WHERE state = 'unconfirmed' AND seq <= ?"
    with _opened(path) as db:
        return not _number(db, query, mark.seq)


def total_unsent(paths: Iterable[Path]) -> int:
    """Count over several outboxes."""
    return sum(unsent(path) for path in paths)


def _number(db: sqlite3.Connection, query: str, *values: int) -> int:
    value = db.execute(query, values).fetchone()[0]
    return int(value or 0)
