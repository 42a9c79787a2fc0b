"""Follows what ingest announces in other processes, and hands the new values to the live hub.

A notification only wakes: the values are read from the table `latest`. Whatever may have been
missed, because the connection was lost or too much came at once, ends in a resync, by which pages
read the newest values anew.
"""

import threading
import time
from collections.abc import Iterable, Sequence

import psycopg
import structlog
from sqlalchemy import Engine, Integer, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import SQLAlchemyError

from server.db.engine import explain
from server.db.tables import latest
from server.live.announce import CHANNEL, ids_of
from server.live.hub import Hub
from server.store.port import LatestRow

FOLLOWING_FAILED = "following_failed"
FOLLOWING = "following"

# How long news are gathered after the first, and how often pages are told to read all anew.
_GATHER_S = 0.2
_RESYNC_EVERY_S = 10.0
# While nothing comes, so often the connection is tried: one that was cut says nothing by itself.
_QUIET_S = 5.0
_AGAIN_S = 2.0
_STOP_TIMEOUT_S = 1.0
_IDLE_S = 0.5

log = structlog.get_logger(__name__)


class Follower:
    """Listens on a connection of its own, in a thread, until stopped."""

    def __init__(self, engine: Engine, hub: Hub[LatestRow]) -> None:
        """Prepare; `engine` is PostgreSQL's."""
        self.error = "not listening yet"
        self._engine = engine
        self._hub = hub
        self._stopping = threading.Event()
        self._resync_at_s = float("-inf")
        self._owes_resync = False
        self._thread = threading.Thread(target=self._run, name="follow", daemon=True)

    def start(self) -> None:
        """Begin to listen; a database that is not there is waited for."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is in hand."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except Exception as error:  # the top of the thread: it listens again
                told = explain(self._engine.url, error)
                if told != self.error:
                    ours = not isinstance(error, SQLAlchemyError | psycopg.Error)
                    log.warning(FOLLOWING_FAILED, error=told, exc_info=ours)
                self.error = told
                self._stopping.wait(_AGAIN_S)

    def _listen(self) -> None:
        with self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            if not isinstance(driver, psycopg.Connection):
                raise TypeError("following needs a psycopg connection")
            connection.detach()  # it listens from now on: not one to be given to others
            driver.rollback()
            driver.autocommit = True
            driver.execute(f"LISTEN {CHANNEL}".encode())
            log.info(FOLLOWING)
            self.error = ""
            self._owes_resync = True  # for what was announced before
            quiet_since_s = time.monotonic()
            while not self._stopping.is_set():
                told = self._gather(driver)
                self._hand_on(told)
                if told or time.monotonic() - quiet_since_s >= _QUIET_S:
                    quiet_since_s = time.monotonic()
                    driver.execute(b"SELECT 1")

    def _gather(self, driver: "psycopg.Connection[tuple[object, ...]]") -> list[str]:
        """Wait for news for a moment; give the payloads that came, and soon after."""
        first = [one.payload for one in driver.notifies(timeout=_IDLE_S, stop_after=1)]
        if not first:
            return []
        return first + [one.payload for one in driver.notifies(timeout=_GATHER_S)]

    def _hand_on(self, payloads: Iterable[str]) -> None:
        if not self._hub.subscribers:
            return  # who comes next begins by reading everything
        ids: set[int] = set()
        for payload in payloads:
            found = ids_of(payload)
            self._owes_resync |= found is None
            ids |= found or set()
        if self._owes_resync and time.monotonic() >= self._resync_at_s:
            self._owes_resync = False
            self._resync_at_s = time.monotonic() + _RESYNC_EVERY_S
            self._hub.resync()
        if ids:
            self._hub.publish(self._read(ids))

    def _read(self, ids: set[int]) -> Sequence[LatestRow]:
        with self._engine.connect() as connection:
            wanted = any_(literal(list(ids), ARRAY(Integer)))
            rows = connection.execute(select(latest).where(latest.c.datastream_id == wanted))
            return [
                LatestRow(
                    row.datastream_id, row.time, row.value, row.quality, row.reason, row.received_at
                )
                for row in rows
            ]
