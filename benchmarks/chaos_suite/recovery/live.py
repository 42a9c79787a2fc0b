"""How long a reading takes from the outbox to the database, watched from outside, in a thread.

Both ends are looked at again and again. A reading's way begins at the last look at the outbox that
did not see it, and ends at the first look at the database that does: never too short is told.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from benchmarks.chaos_suite.recovery.witness import NOT_NOW, Witness
from wire import batch as codec

_LOOK_EVERY_S = 0.04
# Far enough back for a reading to be found whenever it comes, near enough to be read at once.
_REACH_MS = 120_000
_PENDING = "SELECT datastream, wall_ms FROM pending"
_SEALED = "SELECT seq, body FROM payload WHERE seq > ? ORDER BY seq"

Reading = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Way:
    """A reading's way: instants on the monotonic clock; `arrived_s` None while it is under way."""

    set_out_s: float
    arrived_s: float | None


@dataclass(slots=True)
class LiveWatch:
    """Watches one gateway's outbox and what the database has of it."""

    gateway: str
    outbox: Path
    database_url: str
    _ways: dict[Reading, Way] = field(default_factory=dict)
    _last_seq: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._thread = threading.Thread(target=self._run, name="live-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def ways(self, since_s: float, until_s: float) -> list[Way]:
        """Give the ways of all readings that set out between two instants."""
        ways = list(self._ways.values())
        return [way for way in ways if since_s <= way.set_out_s < until_s]

    def slowest_s(self, since_s: float, until_s: float) -> float:
        """Tell the longest way of readings that set out then; one still under way counts so far."""
        now_s = time.monotonic()
        took = [(way.arrived_s or now_s) - way.set_out_s for way in self.ways(since_s, until_s)]
        return max(took, default=0.0)

    def is_current(self, since_s: float, within_s: float) -> bool:
        """Tell whether something that set out after an instant has arrived, and all but the newest.

        `within_s` says how long what has not arrived may be under way.
        """
        now_s = time.monotonic()
        ways = list(self._ways.values())
        arrived = any(way.arrived_s is not None for way in ways if way.set_out_s >= since_s)
        return arrived and all(
            way.arrived_s is not None or now_s - way.set_out_s < within_s for way in ways
        )

    def _run(self) -> None:
        with closing(Witness(self.database_url)) as witness:
            before_s: float | None = None
            while not self._stopping.wait(_LOOK_EVERY_S):
                at_s = time.monotonic()
                with suppress(sqlite3.OperationalError):
                    for reading in self._kept():
                        # What was there before the first look set out nobody knows when.
                        self._ways.setdefault(
                            reading, Way(-1.0 if before_s is None else before_s, None)
                        )
                    before_s = at_s
                with suppress(*NOT_NOW):
                    self._note_arrivals(witness)

    def _kept(self) -> Iterator[Reading]:
        """Name what waits in the outbox, and what has been sealed since the last look."""
        uri = f"{self.outbox.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=2)) as db:
            yield from db.execute(_PENDING)
            for seq, body in db.execute(_SEALED, (self._last_seq,)):
                for series in codec.decode(body).series:
                    yield from ((series.name, time_ms) for time_ms in series.times_ms)
                self._last_seq = seq

    def _note_arrivals(self, witness: Witness) -> None:
        waiting = {reading for reading, way in self._ways.items() if way.arrived_s is None}
        if not waiting:
            return
        since_ms = max(min(t for _, t in waiting), time.time_ns() // 1_000_000 - _REACH_MS) - 1
        found = witness.since(self.gateway, since_ms)
        now_s = time.monotonic()
        for reading in waiting & found:
            self._ways[reading] = Way(self._ways[reading].set_out_s, now_s)
