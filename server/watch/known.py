"""What ingest remembers of watches: of each datastream the values that change none of them.

A gateway's watches are read once, and again when `gateway.watch_rev` has moved on: whatever writes
to a watch moves it, under the gateway's lock (`server.db.locks`). One thread uses this.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from server.alerts.condition import ALWAYS_MS
from server.alerts.quiet import Band, band
from server.alerts.samples import Bools, is_good
from server.db.alert_tables import alert_input, alert_watch
from server.db.members import among
from server.db.tables import datastream, gateway
from server.store.port import Columns, Floats, Int32s, Int64s
from server.watch.rows import Watch, read_watches

Intps = NDArray[np.intp]

_ANY = Band(-np.inf, np.inf, -ALWAYS_MS, ALWAYS_MS)
_ROOM = 1024
_NEVER = -1  # no revision


@dataclass(frozen=True, slots=True)
class Heard:
    """A watch that is judged sample by sample, and the rows that leave it as it is."""

    watch: Watch
    band: Band

    def holds(self, time_ms: Int64s, value: Floats) -> Bools:
        """Tell which rows leave it as it is."""
        within: Bools = (value >= self.band.lower) & (value <= self.band.upper)
        within &= (time_ms >= self.band.from_ms) & (time_ms < self.band.until_ms)
        return within


@dataclass(frozen=True, slots=True)
class _Gateway:
    rev: int
    datastream_ids: Sequence[int]


class _Dense:
    """Bands by datastream id: what lies within all those of a series. Grows as ids do."""

    def __init__(self) -> None:
        self._lower = np.full(_ROOM, -np.inf)
        self._upper = np.full(_ROOM, np.inf)
        self._from_ms = np.full(_ROOM, -ALWAYS_MS, dtype=np.int64)
        self._until_ms = np.full(_ROOM, ALWAYS_MS, dtype=np.int64)
        self._late_ms = np.full(_ROOM, -ALWAYS_MS, dtype=np.int64)

    def put(self, datastream_id: int, one: Band, late_ms: int) -> None:
        """Set what holds for a series; what is before `late_ms` may be late for an hour."""
        while datastream_id >= len(self._lower):
            self._double()
        self.put_band(datastream_id, one)
        self._late_ms[datastream_id] = late_ms

    def put_band(self, datastream_id: int, one: Band) -> None:
        """Set the band of a series that is there."""
        self._lower[datastream_id], self._upper[datastream_id] = one.lower, one.upper
        self._from_ms[datastream_id], self._until_ms[datastream_id] = one.from_ms, one.until_ms

    def places(self, ids: Int32s) -> Int32s:
        """Give where series are; of those that nobody watches, where nothing is known."""
        if not len(ids) or int(ids.max()) < len(self._lower):
            return ids
        return np.where(ids < len(self._lower), ids, np.int32(0))  # ids begin at 1

    def outside(self, at: Int32s, time_ms: Int64s, value: Floats) -> Bools:
        """Tell which rows lie outside the bands; what is missing, NaN, does by its time only."""
        out: Bools = (value < self._lower[at]) | (value > self._upper[at])
        out |= (time_ms < self._from_ms[at]) | (time_ms >= self._until_ms[at])
        return out

    def late(self, at: Int32s, time_ms: Int64s, judged_ms: int) -> Bools:
        """Tell which rows are of hours that were judged."""
        late: Bools = time_ms < np.minimum(self._late_ms[at], judged_ms)
        return late

    def _double(self) -> None:
        more = len(self._lower)
        self._lower = np.concatenate([self._lower, np.full(more, -np.inf)])
        self._upper = np.concatenate([self._upper, np.full(more, np.inf)])
        self._from_ms = np.concatenate([self._from_ms, np.full(more, -ALWAYS_MS)])
        self._until_ms = np.concatenate([self._until_ms, np.full(more, ALWAYS_MS)])
        self._late_ms = np.concatenate([self._late_ms, np.full(more, -ALWAYS_MS)])


@dataclass(slots=True)
class Known:
    """The watches of the gateways that were read, and which of them rows may change."""

    _gateways: dict[str, _Gateway] = field(default_factory=dict)
    _heard: dict[int, list[Heard]] = field(default_factory=dict)
    _dense: _Dense = field(default_factory=_Dense)

    def clear(self) -> None:
        """Forget all: what was read may be of a transaction that did not commit."""
        self._gateways.clear()
        self._heard.clear()
        self._dense = _Dense()

    def refresh(
        self, connection: Connection, gateways: Iterable[str], revs: dict[str, int]
    ) -> None:
        """Read the watches of gateways that are not known as of `revs`, and enter theirs there.

        The gateways must be locked.
        """
        stale = [
            one
            for one in dict.fromkeys(gateways)
            if (known := self._gateways.get(one)) is None or known.rev != revs.get(one)
        ]
        if stale:
            self._read(connection, stale)
            revs.update({one: known.rev for one in stale if (known := self._gateways.get(one))})

    def drop(self, gateways: Iterable[str]) -> None:
        """Have the watches of some gateways read anew."""
        for one in gateways:
            if (known := self._gateways.get(one)) is not None:
                self._gateways[one] = replace(known, rev=_NEVER)

    def replace(self, watches: Sequence[Watch]) -> None:
        """Take watches as they were just written, by one `record.write` for all of them."""
        for one in watches:
            datastream_id = int(one.datastream_id or 0)
            self._heard[datastream_id] = [
                Heard(one, _band(one)) if heard.watch.id == one.id else heard
                for heard in self.heard(datastream_id)
            ]
            self._dense.put_band(datastream_id, _common(self.heard(datastream_id)))
        for gateway_id in {one.gateway_id for one in watches}:
            known = self._gateways[gateway_id]
            self._gateways[gateway_id] = replace(known, rev=known.rev + 1)

    def rev(self, gateway_id: str) -> int:
        """Give the revision that a gateway's watches are known as of."""
        return self._gateways[gateway_id].rev

    def loud(self, columns: Columns) -> Intps:
        """Give the good rows that may change a watch that judges each by itself."""
        at = self._dense.places(columns.datastream_id)
        rows = np.flatnonzero(self._dense.outside(at, columns.time_ms, columns.value))
        if not len(rows):
            return rows
        return rows[is_good(columns.value[rows], columns.quality[rows])]

    def late(self, columns: Columns, judged_ms: int) -> Intps:
        """Give the rows that come late for a watch by the hour; hours end by `judged_ms`."""
        at = self._dense.places(columns.datastream_id)
        return np.flatnonzero(self._dense.late(at, columns.time_ms, judged_ms))

    def heard(self, datastream_id: int) -> Sequence[Heard]:
        """Give the watches that hear a series sample by sample."""
        return self._heard.get(datastream_id, ())

    def _read(self, connection: Connection, gateways: Sequence[str]) -> None:
        """Read gateways' watches, and before that the revisions that they are at least of."""
        revs = connection.execute(
            select(gateway.c.id, gateway.c.watch_rev).where(
                among(connection, gateway.c.id, gateways)
            )
        ).all()
        watches = read_watches(
            connection,
            among(connection, alert_watch.c.gateway_id, gateways),
            alert_watch.c.datastream_id.is_not(None),
        )
        late = _read_late(connection, gateways)
        for one in gateways:
            self._take_out(one)
        own: dict[str, set[int]] = {one: set() for one in gateways}
        for watch in watches:
            datastream_id = int(watch.datastream_id or 0)
            self._heard.setdefault(datastream_id, []).append(Heard(watch, _band(watch)))
            own[watch.gateway_id].add(datastream_id)
        for id_, (gateway_id, _) in late.items():
            own[gateway_id].add(id_)
        for id_ in set().union(*own.values()):
            self._dense.put(id_, _common(self.heard(id_)), late.get(id_, ("", -ALWAYS_MS))[1])
        self._gateways.update({id_: _Gateway(int(rev), sorted(own[id_])) for id_, rev in revs})

    def _take_out(self, gateway_id: str) -> None:
        known = self._gateways.pop(gateway_id, None)
        for id_ in known.datastream_ids if known else ():
            self._heard.pop(id_, None)
            self._dense.put(id_, _ANY, -ALWAYS_MS)


def _read_late(connection: Connection, gateways: Sequence[str]) -> dict[int, tuple[str, int]]:
    """Read of the series judged by the hour whose each is, and before when a row may come late.

    From where all its watches' records are made anew anyway, none does.
    """
    again = alert_watch.c.refold_from
    rows = connection.execute(
        select(datastream.c.id, datastream.c.gateway_id, func.count() > func.count(again))
        .add_columns(func.max(again))
        .join(alert_input, alert_input.c.datastream_id == datastream.c.id)
        .join(alert_watch, alert_watch.c.id == alert_input.c.watch_id)
        .where(
            among(connection, datastream.c.gateway_id, gateways),
            alert_watch.c.retired_at.is_(None),
        )
        .group_by(datastream.c.id, datastream.c.gateway_id)
    )
    return {
        int(id_): (gateway_id, ALWAYS_MS if is_open else int(again_ms))
        for id_, gateway_id, is_open, again_ms in rows
    }


def _band(watch: Watch) -> Band:
    """Give a watch's band; one whose record is to be made anew from an instant on needs no more."""
    if watch.refold_from_ms is not None:
        return Band(-np.inf, np.inf, watch.refold_from_ms, ALWAYS_MS)
    return band(watch.condition, watch.machine)


def _common(heard: Sequence[Heard]) -> Band:
    """Give what lies within all bands."""
    return Band(
        max((one.band.lower for one in heard), default=-np.inf),
        min((one.band.upper for one in heard), default=np.inf),
        max((one.band.from_ms for one in heard), default=-ALWAYS_MS),
        min((one.band.until_ms for one in heard), default=ALWAYS_MS),
    )
