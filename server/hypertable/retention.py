"""What has been kept long enough goes: observations, hourly rollups, daily ones. In small steps.

Observations go in this order, each step a transaction of its own, so that it may stop anywhere:
the door closes (see `horizon`); whoever was storing meanwhile ends; every rollup of their time is
computed; the raw horizon moves on, from when on those rollups stay as they are; and what lies
behind it is removed. Newest values and the journal are not touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import structlog
from sqlalchemy import Connection, Engine, select, text

from server.db.engine import writing
from server.db.tables import rollup_mark
from server.hypertable import horizon
from server.hypertable.horizon import DOOR_MS, Level
from server.hypertable.removal import NOTES, OBSERVATIONS, ROLLUPS, InUseError, Shelf
from server.rollup.turns import be_alone

RETENTION_STEP = "old_readings_removed"
HORIZON_MOVED = "retention_horizon_moved"

DAY_MS = 86_400_000

_NOW = text("SELECT clock_timestamp()")
# Only clients store: a vacuum that the database began by itself holds nobody up.
_OLD_TRANSACTION = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
    AND pid <> pg_backend_pid() AND xact_start < :closed_at
""")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """For how many days observations, hourly and daily rollups are kept; 0 is for ever.

    What is coarser is kept at least as long as what is finer.
    """

    raw_days: int = 0
    hour_days: int = 0
    day_days: int = 0

    def days(self) -> dict[Level, int]:
        """Give what goes at all, the finest first."""
        every = {
            Level.RAW: self.raw_days,
            Level.HOUR: self.hour_days,
            Level.DAY: self.day_days,
        }
        return {level: days for level, days in every.items() if days}


class Wait(Enum):
    """Why nothing can be removed by now."""

    TRANSACTIONS = "transactions that began before the door was closed"
    ROLLUPS = "rollups that are not computed yet"
    READERS = "somebody who reads what is to be removed"


@dataclass(frozen=True, slots=True)
class Progress:
    """What one step came to: rows removed, or why none; whether there may be more to do."""

    more: bool
    table: str = ""
    rows: int = 0
    wait: Wait | None = None


DONE = Progress(more=False)


@dataclass(frozen=True, slots=True)
class Cut:
    """Up to when a level may go by now (ms)."""

    level: Level
    before_ms: int


def shelves(level: Level) -> Sequence[Shelf]:
    """Name the tables of a level, in the order in which they are emptied."""
    return (OBSERVATIONS, NOTES) if level is Level.RAW else (ROLLUPS[level],)


def cuts(connection: Connection, policy: Policy, now_ms: int) -> list[Cut]:
    """Find up to when each level may go: whole chunks, whole days, and never past a finer one."""
    out: list[Cut] = []
    known = horizon.read(connection)
    limit_ms = now_ms
    for level, days in policy.days().items():
        aged_ms = (now_ms - days * DAY_MS) // DAY_MS * DAY_MS
        reached_ms = known.get(level)
        found_ms = shelves(level)[0].reach(connection, min(aged_ms, limit_ms))
        before_ms = max((one for one in (reached_ms, found_ms) if one is not None), default=None)
        if before_ms is None:  # nothing there is that old: so it is with what is coarser
            break
        out.append(Cut(level, before_ms))
        limit_ms = before_ms
    return out


class Retention:
    """Works a policy off; the steps of several programs at once do no harm."""

    def __init__(self, engine: Engine, policy: Policy) -> None:
        """Prepare; nothing is done while the policy keeps everything."""
        self._engine = engine
        self._policy = policy
        self._closed: tuple[int, object] | None = (
            None  # for which cut the door was closed, and when
        )

    def step(self, now_ms: int) -> Progress:
        """Do one step, in a transaction of well under a second."""
        with self._engine.connect() as connection:
            planned = cuts(connection, self._policy, now_ms)
            known = horizon.read(connection)
        for cut in planned:
            if cut.before_ms > known.get(cut.level, -1):
                return self._move(cut)
            removed = self._remove(cut)
            if removed is not None:
                return removed
        return DONE

    def _remove(self, cut: Cut) -> Progress | None:
        """Remove a portion of what is older than a cut; None when there is nothing."""
        for shelf in shelves(cut.level):
            try:
                rows = shelf.remove_some(self._engine, cut.before_ms)
            except InUseError:
                return Progress(more=False, table=shelf.table, wait=Wait.READERS)
            if rows:
                log.info(RETENTION_STEP, table=shelf.table, rows=rows)
                return Progress(more=True, table=shelf.table, rows=rows)
        return None

    def _move(self, cut: Cut) -> Progress:
        """Come nearer to removing what is older than a cut; see the module."""
        if cut.level is Level.RAW:
            if self._closed is None or self._closed[0] != cut.before_ms:
                self._closed = (cut.before_ms, self._close(cut.before_ms + DOOR_MS))
            if self._is_somebody_storing(self._closed[1]):
                return Progress(more=False, wait=Wait.TRANSACTIONS)
        with writing(self._engine) as connection:
            be_alone(connection)
            # An hour up to the door may be of a day that begins before the horizon.
            if cut.level is Level.RAW and _has_marks(connection, cut.before_ms + DOOR_MS):
                return Progress(more=False, wait=Wait.ROLLUPS)
            horizon.advance(connection, cut.level, cut.before_ms)
        log.info(HORIZON_MOVED, level=cut.level.value, before_ms=cut.before_ms)
        return Progress(more=True)

    def _close(self, door_ms: int) -> object:
        """Close the door; tell by the database's clock since when everybody knows."""
        with writing(self._engine) as connection:
            horizon.advance(connection, Level.DOOR, door_ms)
        if self._engine.dialect.name != "postgresql":
            return None  # one writes at a time, and that was us
        with self._engine.connect() as connection:
            return connection.execute(_NOW).scalar_one()

    def _is_somebody_storing(self, closed_at: object) -> bool:
        """Tell whether a transaction goes on that may not know that the door is closed."""
        if closed_at is None:
            return False
        with self._engine.connect() as connection:
            running = connection.execute(_OLD_TRANSACTION, {"closed_at": closed_at})
            return bool(running.scalar_one())


def _has_marks(connection: Connection, before_ms: int) -> bool:
    outstanding = select(rollup_mark.c.id).where(rollup_mark.c.start < before_ms).limit(1)
    return connection.execute(outstanding).first() is not None
