"""Keeps the shares of all series for a minute: they change slowly, and pages ask often."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Connection

from server.completeness.reading import read_shares
from server.completeness.shares import Shares

LIFETIME_MS = 60_000
# Reading takes some 0.1 ms a series: of thousands it is done more rarely, 1 % of the time at most.
_REST = 100


@dataclass(frozen=True, slots=True)
class _Kept:
    read_at_ms: int
    lifetime_ms: float
    shares: Mapping[int, Shares]

    def is_fresh(self, now_ms: int) -> bool:
        """Tell whether it need not be read again."""
        return 0 <= now_ms - self.read_at_ms < self.lifetime_ms


class ShareKeeper:
    """For many threads: while one reads, the others go on with what was read before."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin knowing nothing; `monotonic` gives seconds."""
        self._monotonic = monotonic
        self._lock = Lock()
        self._kept: _Kept | None = None

    def read(self, connection: Connection, now_ms: int) -> Mapping[int, Shares]:
        """Give the shares by datastream, about a minute old at most."""
        kept = self._kept
        if kept is not None and kept.is_fresh(now_ms):
            return kept.shares
        if not self._lock.acquire(blocking=kept is None):
            return kept.shares if kept is not None else {}
        try:
            return self._renewed(connection, now_ms)
        finally:
            self._lock.release()

    def _renewed(self, connection: Connection, now_ms: int) -> Mapping[int, Shares]:
        kept = self._kept
        if kept is not None and kept.is_fresh(now_ms):  # read while the lock was waited for
            return kept.shares
        begun_s = self._monotonic()
        shares = read_shares(connection, now_ms)
        lasted_ms = (self._monotonic() - begun_s) * 1000
        self._kept = _Kept(now_ms, max(LIFETIME_MS, lasted_ms * _REST), shares)
        return shares
