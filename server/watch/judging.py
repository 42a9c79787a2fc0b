"""Judges what ingest has just stored, in its transaction: the hook of the pipeline.

Nearly all rows lie within the bands of their watches (`server.watch.known`): then nothing is read
or written. Of the other watches the samples are read that `fold` needs. What came late is only
noted: the watchkeeper makes those records anew. Whatever goes wrong here stops no reading.

To be called after the rows are stored and before `latest` is: from that it sees what was newest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog
from sqlalchemy import Connection, select

from server.alerts.condition import HOUR_MS
from server.alerts.machine import needs_from, without_broken
from server.alerts.samples import THERMOMETER_MS
from server.db.faults import is_database_fault
from server.db.tables import latest
from server.ingest.events import Turn
from server.quality.timing import FUTURE_TOLERANCE_MS
from server.store.port import Columns
from server.store.reading.raw import Rows, TooManyError, Windows, read_windows
from server.watch.folding import fold_long, samples_in
from server.watch.known import Intps, Known
from server.watch.late import Mark, mark, note_changed, note_late
from server.watch.record import Entry, write
from server.watch.rows import Watch
from wire.batch import MAX_TIME_MS

JUDGING_FAILED = "judging_failed"

# Watches by the hour judge one when it has been over for so long.
SETTLED_MS = 10 * 60_000
# Here it counts as judged a bit sooner: another program's clock may be ahead.
_AHEAD_MS = 5 * 60_000
# Of all watches of a transaction; what needs more is left to the watchkeeper.
_MOST_ROWS = 500_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A watch that must be asked, and the first row because of which."""

    watch: Watch
    datastream_id: int
    first_ms: int

    def is_live(self, newest_ms: int | None) -> bool:
        """Tell whether the record simply goes on: nothing later was there, nothing is open."""
        is_open = self.watch.refold_from_ms is not None
        return not is_open and (newest_ms is None or self.first_ms > newest_ms)

    def mark(self, newest_ms: int | None = None) -> Mark:
        """Have the record made anew from the row on."""
        return Mark(self.watch.id, self.watch.gateway_id, self.first_ms, newest_ms)


@dataclass(slots=True)
class Judge:
    """Judges, and remembers watches from one transaction to the next. One thread uses it."""

    _known: Known = field(default_factory=Known)
    _turn: Turn | None = None
    _revs: dict[str, int] = field(default_factory=dict)

    def note_revs(self, turn: Turn, revs: Mapping[str, int]) -> None:
        """Take note of `gateway.watch_rev` of gateways as a turn has read them, locked for it."""
        if turn is not self._turn:
            self._turn, self._revs = turn, {}
        self._revs.update(revs)

    def forget(self) -> None:
        """Drop what was read in a transaction, or a part of one, that did not commit."""
        self._known.clear()
        self._turn, self._revs = None, {}

    def judge(self, turn: Turn, gateways: Iterable[str], columns: Columns) -> None:
        """Judge rows of gateways, which are locked; raises only for what the database is to blame.

        The rows were stored just now, in the turn.
        """
        self.note_revs(turn, {})
        if not self._is_known(turn, gateways):
            note_changed(turn.connection, columns.datastream_id, columns.time_ms)
            return
        loud = self._known.loud(columns)
        late = self._known.late(columns, _hour(turn.now_ms - SETTLED_MS + _AHEAD_MS))
        if len(late):
            self._known.drop(
                note_late(turn.connection, columns.datastream_id[late], columns.time_ms[late])
            )
        if len(loud) and (asked := self._asked(columns, loud)):
            self._guarded(turn, asked)

    def _is_known(self, turn: Turn, gateways: Iterable[str]) -> bool:
        """Read what must be read of watches; one that cannot be read leaves all to be made anew."""
        try:
            self._known.refresh(turn.connection, gateways, self._revs)
        except Exception as error:
            self.forget()
            if is_database_fault(error, alone=False):
                raise
            log.exception(JUDGING_FAILED)
            return False
        return True

    def _asked(self, columns: Columns, loud: Intps) -> list[_Asked]:
        """Find the watches that some row may change, and the first such row of each."""
        found: list[_Asked] = []
        ids = columns.datastream_id[loud]
        for id_ in np.unique(ids).tolist():
            rows = loud[ids == id_]
            time_ms, value = columns.time_ms[rows], columns.value[rows]
            for heard in self._known.heard(id_):
                out = ~heard.holds(time_ms, value)
                if out.any():
                    found.append(_Asked(heard.watch, id_, int(time_ms[out].min())))
        return found

    def _guarded(self, turn: Turn, asked: Sequence[_Asked]) -> None:
        """Judge within a savepoint; what cannot be judged is left to the watchkeeper."""
        try:
            with turn.connection.begin_nested():
                self._judge(turn, asked)
        except Exception as error:
            self.forget()
            if is_database_fault(error, alone=False):
                raise
            if not isinstance(error, TooManyError):
                log.exception(JUDGING_FAILED, watches=len(asked))
            mark(turn.connection, [one.mark() for one in asked])

    def _judge(self, turn: Turn, asked: Sequence[_Asked]) -> None:
        """Fold what is live, note what is late."""
        newest = _read_newest(turn.connection, {one.datastream_id for one in asked})
        live = [one for one in asked if one.is_live(newest.get(one.datastream_id))]
        late = [one for one in asked if not one.is_live(newest.get(one.datastream_id))]
        written = write(turn.connection, _entries(turn.connection, live), turn.now_ms)
        self._known.replace(written)
        self._revs.update({one.gateway_id: self._known.rev(one.gateway_id) for one in written})
        # A clock that ran ahead says nothing of what was judged in time.
        horizon_ms = turn.now_ms + FUTURE_TOLERANCE_MS
        known = {id_: time_ms for id_, time_ms in newest.items() if time_ms <= horizon_ms}
        mark(turn.connection, [one.mark(known.get(one.datastream_id)) for one in late])
        self._known.drop({one.watch.gateway_id for one in late})


def _entries(connection: Connection, asked: Sequence[_Asked]) -> list[Entry]:
    """Fold the samples that watches need; gives those that have come to stand otherwise."""
    rows = _read(connection, asked)
    found: list[Entry] = []
    for one in asked:
        before, condition = one.watch.machine, one.watch.condition
        thermometer = one.watch.basis.thermometer
        own = samples_in(rows, one.datastream_id, thermometer, condition.season)
        samples = own.since(needs_from(before, one.first_ms))
        machine, transitions = fold_long(condition, before, samples)
        if thermometer is not None and len(samples):
            machine = without_broken(condition, machine, int(samples.time_ms[-1]))
        if machine != before:
            found.append(Entry(one.watch, machine, transitions, machine.until_ms))
    return found


def _read(connection: Connection, asked: Sequence[_Asked]) -> Rows:
    """Read for each series what one of its watches needs, and what their thermometers said."""
    needs: dict[int, int] = {}
    for one in asked:
        from_ms = needs_from(one.watch.machine, one.first_ms)
        needs[one.datastream_id] = min(from_ms, needs.get(one.datastream_id, from_ms))
        if (thermometer := one.watch.basis.thermometer) is not None:
            from_ms = max(0, from_ms - THERMOMETER_MS)
            id_ = thermometer.datastream_id
            needs[id_] = min(from_ms, needs.get(id_, from_ms))
    windows = Windows(
        np.array(list(needs), dtype=np.int32),
        np.array(list(needs.values()), dtype=np.int64),
        np.full(len(needs), MAX_TIME_MS + 1, dtype=np.int64),
    )
    return read_windows(connection, windows, _MOST_ROWS)


def _read_newest(connection: Connection, datastream_ids: Iterable[int]) -> dict[int, int]:
    """Read the instants of the newest observations that there were before these."""
    rows = connection.execute(
        select(latest.c.datastream_id, latest.c.time).where(
            latest.c.datastream_id.in_(sorted(datastream_ids))
        )
    )
    return {int(id_): int(time_ms) for id_, time_ms in rows}


def _hour(time_ms: int) -> int:
    return time_ms - time_ms % HOUR_MS
