"""Up to when what is old has gone, and the door behind which nothing is taken in any more.

The door closes before anything goes. What comes later than that would make rollups lie: those of
its time can no longer be computed, and to show it without them would be to show a part as the
whole. It stays in the journal, and is counted here.
"""

from enum import StrEnum

import numpy as np
import structlog
from sqlalchemy import Connection, select, update

from server.db.once import enter_missing
from server.db.tables import retention_horizon
from server.store.port import Columns, take

LATE = "observations_too_late"

HOUR_MS = 3_600_000
# No bucket that what comes in may change begins before the raw horizon: a day has at most 25 hours,
# where clocks are set back.
DOOR_MS = 26 * HOUR_MS

log = structlog.get_logger(__name__)


class Level(StrEnum):
    """What a horizon is of; the values are those of the table."""

    DOOR = "door"
    RAW = "raw"
    HOUR = "hour"
    DAY = "day"


def read(connection: Connection) -> dict[Level, int]:
    """Read the horizons (ms); a level of which nothing ever went is left out."""
    rows = connection.execute(select(retention_horizon.c.level, retention_horizon.c.before))
    return {Level(row.level): row.before for row in rows}


def read_late(connection: Connection) -> int:
    """Tell how many observations came too late."""
    statement = select(retention_horizon.c.late).where(retention_horizon.c.level == Level.DOOR)
    return connection.execute(statement).scalar() or 0


def advance(connection: Connection, level: Level, before_ms: int) -> None:
    """Move a horizon on; it never goes back."""
    enter_missing(connection, retention_horizon, [{"level": level, "before": before_ms}])
    connection.execute(
        update(retention_horizon)
        .where(retention_horizon.c.level == level, retention_horizon.c.before < before_ms)
        .values(before=before_ms)
    )


def read_door(connection: Connection) -> int | None:
    """Tell from when on observations are taken in (ms); None while all are."""
    statement = select(retention_horizon.c.before).where(retention_horizon.c.level == Level.DOOR)
    return connection.execute(statement).scalar()


def without_late(connection: Connection, columns: Columns) -> Columns:
    """Leave out, and count, what comes after the door has closed behind its time."""
    if not len(columns):
        return columns
    door_ms = read_door(connection)
    if door_ms is None or int(columns.time_ms.min()) >= door_ms:
        return columns
    kept = columns.time_ms >= door_ms
    late = int(len(columns) - np.count_nonzero(kept))
    log.warning(LATE, observations=late)
    connection.execute(
        update(retention_horizon)
        .where(retention_horizon.c.level == Level.DOOR)
        .values(late=retention_horizon.c.late + late)
    )
    return take(columns, np.flatnonzero(kept))
