"""A database that stands still for a while, and what the server holds in memory meanwhile."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.chaos_suite.programs import family
from benchmarks.ingest_suite.databases import Databases, locked
from benchmarks.ingest_suite.rig import Rig, memory_of

_LOOK_S = 0.1


@dataclass(slots=True)
class Stall:
    """Holds the database up for so many seconds when called; `most_mb` is the server's peak then.

    A server of our own is stopped with all its processes; another's table is locked.
    """

    rig: Rig
    databases: Databases
    seconds: float
    most_mb: float = 0.0

    def __call__(self) -> None:
        """Stall, look at the server, and let go."""
        with self._stalled():
            end_s = time.monotonic() + self.seconds
            while time.monotonic() < end_s:
                self.most_mb = max(self.most_mb, memory_of(self.rig.server.pid).now_mb)
                time.sleep(_LOOK_S)

    @contextmanager
    def _stalled(self) -> Iterator[None]:
        own = self.databases.own
        if own is None or own.child is None:
            with locked(self.rig.database_url):
                yield
            return
        pids = family(own.child.pid)
        _send(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            _send(pids, signal.SIGCONT)


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
