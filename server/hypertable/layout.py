"""How one database keeps observations in the long run: settled at the start, tended, told of."""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from server.db.engine import DatabaseInfo, Edition
from server.housekeeping import DAY_S, Chore
from server.hypertable import columnstore, horizon
from server.hypertable.chunks import words
from server.hypertable.intervals import choose_anew, read_interval
from server.hypertable.retention import Policy, Progress, Retention

INTERVAL_CHOSEN = "chunk_interval_chosen"
LAYOUT_SETTLED = "storage_settled"

# Rollups are computed within minutes.
_WAIT_S = 300.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the settings ask for; days, 0 for never."""

    columnstore_after_days: int
    retention: Policy


@dataclass(slots=True)
class Layout:
    """A database's chunks, columnstore and retention."""

    engine: Engine
    info: DatabaseInfo
    wishes: Wishes
    clock: Callable[[], int]  # milliseconds UTC
    _interval_ms: int | None = field(default=None, init=False)
    _columnstore: str = field(default="", init=False)
    _retention: Retention = field(init=False)
    _last: Progress | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._retention = Retention(self.engine, self.wishes.retention)

    def settle(self) -> None:
        """Set what the database is to do by itself, and log how things stand."""
        self._columnstore = columnstore.settle(
            self.engine, self.info.edition, self.wishes.columnstore_after_days
        )
        with self.engine.connect() as connection:
            self._interval_ms = read_interval(connection)
        log.info(
            LAYOUT_SETTLED,
            edition=self.info.edition.value,
            version=self.info.version,
            chunk_interval=words(self._interval_ms) if self._interval_ms else "none",
            columnstore=self._columnstore,
            retention=self._retention_words(),
        )

    def chores(self) -> list[Chore]:
        """List what is done once a day, and at the start."""
        return [
            Chore("chunks", self._choose_interval, DAY_S, "the chunk interval is not chosen anew"),
            Chore("retention", self._retain, DAY_S, "old readings are not removed"),
        ]

    def sentence(self) -> str:
        """Say how things stand, in one line."""
        edition = "" if self.info.edition in _UNNAMED else f" ({self.info.edition.value})"
        chunks = f"chunks of {words(self._interval_ms)}" if self._interval_ms else "no chunks"
        parts = [f"{self.info.version}{edition}", chunks, self._columnstore]
        parts += [self._retention_words(), *self._late_words()]
        if self._last is not None and self._last.wait is not None:
            parts.append(f"removal waits for {self._last.wait.value}")
        return "; ".join(parts)

    def _choose_interval(self) -> None:
        """Measure, and set the chunk interval that fits."""
        chosen = choose_anew(self.engine, self.clock())
        if chosen is None:
            return
        self._interval_ms = chosen.interval_ms
        if chosen.interval_ms != chosen.before_ms:
            log.info(INTERVAL_CHOSEN, now=words(chosen.interval_ms), before=words(chosen.before_ms))

    def _retain(self) -> float | None:
        """Do a step of retention; gives after how many seconds the next is due."""
        self._last = self._retention.step(self.clock())
        if self._last.wait is not None:
            return _WAIT_S
        return 0.0 if self._last.more else None

    def _retention_words(self) -> str:
        kept = [
            f"{_NAMES[level]} {days} days" for level, days in self.wishes.retention.days().items()
        ]
        return "keeps " + ", ".join(kept) if kept else "everything is kept"

    def _late_words(self) -> list[str]:
        if not self.wishes.retention.days():
            return []
        try:
            with self.engine.connect() as connection:
                late = horizon.read_late(connection)
        except SQLAlchemyError:  # that it cannot be reached is told elsewhere
            return []
        return [f"{late:,} readings came too late to be kept"] if late else []


_UNNAMED = (Edition.SQLITE, Edition.PLAIN)
_NAMES = {
    horizon.Level.RAW: "readings",
    horizon.Level.HOUR: "hourly values",
    horizon.Level.DAY: "daily values",
}
