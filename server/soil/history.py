"""Computes relative water anew from what is stored: when it comes to be, and for another soil.

Newest first, in steps of a bounded number of observations, each in a transaction of its own that
also says how far it has come: whoever is killed goes on from there. What is stored meanwhile is
computed by the new formula already, see server.soil.waiting.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.orm import aliased

from server.catalog.resolve import SeriesRef, load_series
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.db.tables import datastream, latest, observation, soil_history
from server.ingest.arrays import Piece, by_era, join, with_derived
from server.quality.timing import FUTURE_TOLERANCE_MS
from server.replay.merging import Merged
from server.replay.selection import Span
from server.replay.writing import difference, write
from server.soil.planning import differences, settle
from server.soil.waiting import enter, waiting
from server.store.engines import store_for
from server.store.port import Columns
from wire.catalogue import SensorModel

# So many observations are computed in one transaction: well under a second on either database.
MOST_OBSERVATIONS = 5_000


@dataclass(frozen=True, slots=True)
class Done:
    """What a step has done: observations computed, and how many series are still to be."""

    observations: int
    waiting: int


@dataclass(frozen=True, slots=True)
class _Task:
    """A series that waits, from before an instant (ms UTC), and what it is computed from.

    `received_at` is when the newest of that came, None where nothing did.
    """

    datastream_id: int
    before: int | None
    source_id: int
    source: str
    received_at: int | None


class History:
    """Does it step by step; `clock` gives milliseconds UTC."""

    def __init__(
        self,
        engine: Engine,
        catalogue: Mapping[str, SensorModel],
        clock: Callable[[], int],
        most: int = MOST_OBSERVATIONS,
    ) -> None:
        """Prepare; `most` is how many observations a step computes."""
        self._engine = engine
        self._store = store_for(engine)
        self._catalogue = catalogue
        self._clock = clock
        self._most = most

    def unsettled(self) -> list[str]:
        """Find the gateways whose series do not agree with what is said of soils."""
        with self._engine.connect() as connection:
            return sorted({one.gateway_id for one in differences(connection)})

    def settle(self, gateway_id: str) -> None:
        """Make the series of a gateway agree."""
        with writing(self._engine) as connection:
            lock_gateways(connection, [gateway_id])
            enter(connection, settle(connection, gateway_id))

    def step(self) -> Done | None:
        """Compute the newest that waits, of one gateway; None when nothing does."""
        with self._engine.connect() as connection:
            gateway_id = _next_gateway(connection)
        if gateway_id is None:
            return None
        with writing(self._engine) as connection:
            lock_gateways(connection, [gateway_id])
            enter(connection, settle(connection, gateway_id))
            refs = load_series(connection, gateway_id, self._catalogue)
            done = 0
            for task in _tasks(connection, gateway_id):
                done += self._compute(connection, task, refs[task.source], self._most - done)
                if done >= self._most:
                    break
            return Done(done, waiting(connection))

    def _compute(self, connection: Connection, task: _Task, source: SeriesRef, most: int) -> int:
        """Compute the newest observations of a series that are still to be; gives how many."""
        span = _span(connection, task, most)
        found = self._store.read_range(connection, task.source_id, span.from_ms, span.to_ms, most)
        piece = Piece(source, task.source_id, found.time_ms, found.value, found.quality, {})
        made = [
            one
            for one in with_derived(list(by_era(piece)))
            if one.datastream_id == task.datastream_id
        ]
        self._write(connection, task, join(made), span)
        own = soil_history.c.datastream_id == task.datastream_id
        if len(found.time_ms) < most:
            connection.execute(delete(soil_history).where(own))
        else:
            connection.execute(update(soil_history).where(own).values(before=span.from_ms))
        return len(found.time_ms)

    def _write(self, connection: Connection, task: _Task, columns: Columns, span: Span) -> None:
        received = np.full(len(columns), task.received_at or 0, dtype=np.int64)
        part = Merged(columns, received)
        differs = difference(connection, self._store, part, span, {})
        if differs:
            write(connection, self._store, part, differs, self._clock() + FUTURE_TOLERANCE_MS)


_SOURCE = aliased(datastream, name="source")


def _next_gateway(connection: Connection) -> str | None:
    """Name the gateway whose turn it is: all come to their newest hours before any to its older."""
    wanted = (
        select(datastream.c.gateway_id)
        .join(soil_history, soil_history.c.datastream_id == datastream.c.id)
        .order_by(soil_history.c.before.desc().nulls_first(), datastream.c.id)
        .limit(1)
    )
    return connection.execute(wanted).scalar()


def _tasks(connection: Connection, gateway_id: str) -> list[_Task]:
    """List what waits of a gateway, the newest first."""
    wanted = (
        select(
            *(soil_history.c.datastream_id, soil_history.c.before, datastream.c.source_id),
            *(_SOURCE.c.name.label("source"), latest.c.received_at),
        )
        .join(datastream, datastream.c.id == soil_history.c.datastream_id)
        .join(_SOURCE, _SOURCE.c.id == datastream.c.source_id)
        .outerjoin(latest, latest.c.datastream_id == _SOURCE.c.id)
        .where(datastream.c.gateway_id == gateway_id)
        .order_by(soil_history.c.before.desc().nulls_first(), datastream.c.id)
    )
    return [_Task(*row) for row in connection.execute(wanted)]


def _span(connection: Connection, task: _Task, most: int) -> Span:
    """Find the span of the newest observations that are still to be computed."""
    own = observation.c.datastream_id == task.source_id
    before = task.before
    if before is None:
        newest = connection.execute(select(func.max(observation.c.time)).where(own)).scalar()
        before = 0 if newest is None else newest + 1
    first = connection.execute(
        select(observation.c.time)
        .where(own, observation.c.time < before)
        .order_by(observation.c.time.desc())
        .offset(most - 1)
        .limit(1)
    ).scalar()
    return Span(0 if first is None else first, before)
