"""Tells other processes which series have new values, by PostgreSQL's NOTIFY.

For ingest that serves no pages itself. Only ids are told, gathered for a moment: who wants the
values reads the table `latest`. In a transaction of its own, because NOTIFY makes those that commit
wait for each other; and nothing depends on it but how soon a page shows what is stored.
"""

import threading
from collections.abc import Iterator, Sequence

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from server.db.engine import explain
from server.store.latest import ids_of as whose
from server.store.port import LatestRow

ANNOUNCING_FAILED = "announcing_failed"

CHANNEL = "saxaul_latest"
# What is told in place of ids when there are too many of them.
MANY = "*"
MAX_IDS = 5_000
# A payload has less than 8,000 bytes (PostgreSQL 17 manual, NOTIFY); an id up to 10 digits.
_IDS_EACH = 700
_EVERY_S = 0.5
_STOP_TIMEOUT_S = 2.0

_NOTIFY = text("SELECT pg_notify(:channel, told) FROM unnest(CAST(:payloads AS text[])) AS told")

log = structlog.get_logger(__name__)


class Announcer:
    """Gathers ids and tells them twice a second, in a thread of its own."""

    def __init__(self, engine: Engine) -> None:
        """Prepare; `engine` is PostgreSQL's."""
        self._engine = engine
        self._ids: set[int] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name="announce", daemon=True)

    def publish(self, rows: Sequence[LatestRow]) -> None:
        """Note rows that are committed; never waits for the database."""
        ids = whose(rows)
        with self._lock:
            self._ids.update(ids)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def stop(self) -> None:
        """Tell what is left, and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            self._tell()
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            ids, self._ids = self._ids, set()
        if not ids:
            return
        try:
            with self._engine.begin() as connection:
                connection.execute(_NOTIFY, {"channel": CHANNEL, "payloads": list(payloads(ids))})
        except SQLAlchemyError as error:
            if not self._is_failing:
                log.warning(ANNOUNCING_FAILED, error=explain(self._engine.url, error))
            self._is_failing = True
            with self._lock:
                self._ids |= ids
            return
        self._is_failing = False


def payloads(ids: set[int]) -> Iterator[str]:
    """Write ids as what NOTIFY carries."""
    if len(ids) > MAX_IDS:
        yield MANY
        return
    ordered = sorted(ids)
    for first in range(0, len(ordered), _IDS_EACH):
        yield ",".join(map(str, ordered[first : first + _IDS_EACH]))


def ids_of(payload: str) -> set[int] | None:
    """Read a payload back; None when there were too many, or when it is none of ours."""
    parts = payload.split(",")
    if not all(part.isdecimal() for part in parts):
        return None
    return set(map(int, parts))
