"""Judges by the clock what no sample tells: gateways that are gone, stations without data.

What holds now is taken for a sample a minute. The state that it makes is written when it changes;
while it lasts, the samples since are made up again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Engine, select

from server.alerts.kinds import KINDS, Pace
from server.alerts.machine import fold
from server.alerts.samples import Samples
from server.db.alert_tables import alert_rule, alert_watch
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.db.tables import datastream, gateway, latest
from server.watch.keeping.silence import is_good, newest_good
from server.watch.record import Entry, write
from server.watch.rows import Watch, read_watches

_KINDS = [key for key, kind in KINDS.items() if kind.pace in (Pace.GATEWAY, Pace.SILENCE)]
# A gateway that says nothing for so many of its heartbeats is gone, and for at least so long.
_HEARTBEATS, _LEAST_MS = 3, 300_000
# One that rests may be so late.
_RESTED_MS = 900_000
_MOST_SAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Fact:
    """What holds of a subject since an instant (ms UTC); with `grows` it is the seconds since."""

    value: float
    since_ms: int
    grows: bool = False

    def at(self, time_ms: int) -> float:
        """Give the value at an instant."""
        return max(0, time_ms - self.since_ms) / 1000 if self.grows else self.value


def judge_states(engine: Engine, now_ms: int) -> int:
    """Judge all watches that go by the clock; gives how many have changed."""
    with engine.connect() as connection:
        found = _entries(connection, now_ms)
    changed = 0
    for gateway_id in sorted({one.watch.gateway_id for one in found}):
        with writing(engine) as connection:
            lock_gateways(connection, [gateway_id])
            changed += len(write(connection, _entries(connection, now_ms, gateway_id), now_ms))
    return changed


def _entries(connection: Connection, now_ms: int, only: str | None = None) -> list[Entry]:
    where: list[ColumnElement[bool]] = [alert_rule.c.kind.in_(_KINDS)]
    if only is not None:
        where.append(alert_watch.c.gateway_id == only)
    known = _Known(_read_statuses(connection), _read_due(connection, only))
    found = []
    for watch in read_watches(connection, *where):
        fact = known.fact(watch, now_ms)
        if fact is not None:
            found.append(_entry(watch, fact, now_ms))
    return [one for one in found if _is_news(one)]


def _is_news(entry: Entry) -> bool:
    """Tell whether something changed that must be kept, beside that time goes on."""
    before, after = entry.watch.machine, entry.machine
    runs = [[run.level for run in one.pending] for one in (before, after)]
    return bool(entry.transitions) or runs[0] != runs[1]


def _entry(watch: Watch, fact: Fact, now_ms: int) -> Entry:
    times = np.array(list(_instants(watch, fact, now_ms)), dtype=np.int64)
    values = np.array([fact.at(one) for one in times.tolist()], dtype=np.float64)
    samples = Samples(times, values, np.ones(len(times), dtype=np.bool_))
    machine, made = fold(watch.condition, watch.machine, samples)
    return Entry(watch, machine, made, now_ms)


def _instants(watch: Watch, fact: Fact, now_ms: int) -> Iterator[int]:
    """Give the instants of samples since the newest that is kept, or since the fact began."""
    known_ms = watch.machine.until_ms
    first_ms = fact.since_ms if known_ms is None else max(known_ms + 1, fact.since_ms)
    step_ms = max(watch.condition.interval_ms, 1)
    # A gap as long as silence would break a run: none is, however long a server was away.
    longest_ms = min(_MOST_SAMPLES * step_ms, now_ms)
    first_ms = max(first_ms, now_ms - longest_ms)
    yield from range(first_ms, now_ms, step_ms)
    yield now_ms


@dataclass(frozen=True, slots=True)
class _Known:
    """What gateways said, and when of each thing the next good sample was, or is, due."""

    statuses: Mapping[str, "Status"]
    due_ms: Mapping[int, int]

    def fact(self, watch: Watch, now_ms: int) -> Fact | None:
        """Say what holds of a watch's subject; None where nothing is known."""
        status = self.statuses.get(watch.gateway_id)
        if status is None:
            return None
        if watch.kind.pace is Pace.SILENCE:
            due_ms = self.due_ms.get(watch.thing_id or 0)
            if due_ms is None or status.is_resting(now_ms):
                return None
            return Fact(0.0, min(due_ms, now_ms), grows=True)
        if watch.kind.key == "gateway_offline":
            return status.offline(now_ms)
        return status.clock(now_ms) if watch.kind.key == "gateway_clock" else None


@dataclass(frozen=True, slots=True)
class Status:
    """What a gateway said last, and when (ms UTC)."""

    state: str
    at_ms: int
    told: Mapping[str, Any]

    def offline(self, now_ms: int) -> Fact:
        """Say whether it is gone (1) or there (0), and since when."""
        if self.is_resting(now_ms):
            return Fact(0.0, self.at_ms)
        if self.state == "offline":
            rests_until = self.told.get("rests_until") if self.told.get("resting") else None
            return Fact(1.0, int(rests_until or self.at_ms))
        heartbeat_s = self.told.get("heartbeat_s")
        if heartbeat_s is None:
            return Fact(0.0, self.at_ms)
        due_ms = self.at_ms + max(_HEARTBEATS * round(heartbeat_s * 1000), _LEAST_MS)
        return Fact(1.0, due_ms) if now_ms > due_ms else Fact(0.0, self.at_ms)

    def clock(self, now_ms: int) -> Fact | None:
        """Say whether nothing vouches for its clock (1); nothing while it is gone."""
        if self.offline(now_ms).value:
            return None
        return Fact(float(self.told.get("clock", "unknown") == "unknown"), self.at_ms)

    def is_resting(self, now_ms: int) -> bool:
        """Tell whether it has said that it would be silent now."""
        until_ms = self.told.get("rests_until")
        return (
            self.state == "offline"
            and bool(self.told.get("resting"))
            and until_ms is not None
            and now_ms < int(until_ms) + _RESTED_MS
        )


def _read_statuses(connection: Connection) -> dict[str, Status]:
    rows = connection.execute(
        select(gateway.c.id, gateway.c.state, gateway.c.status_at, gateway.c.status).where(
            gateway.c.status_at.is_not(None)
        )
    )
    return {id_: Status(state, int(at), told or {}) for id_, state, at, told in rows}


def _read_due(connection: Connection, only: str | None) -> dict[int, int]:
    """Read of each thing when a sample should have come after the last good one."""
    query = (
        select(
            *(datastream.c.thing_id, datastream.c.id, latest.c.time),
            *(is_good(latest.c.quality), datastream.c.interval_s),
        )
        .join(latest, latest.c.datastream_id == datastream.c.id)
        .where(datastream.c.source_id.is_(None))
    )
    if only is not None:
        query = query.where(datastream.c.gateway_id == only)
    due: dict[int, int] = {}
    faulty: dict[int, list[tuple[int, int, float]]] = {}
    for thing_id, id_, time_ms, good, interval_s in connection.execute(query):
        if good:
            due_ms = int(time_ms) + round(interval_s * 1000)
            due[thing_id] = max(due_ms, due.get(thing_id, due_ms))
        else:
            faulty.setdefault(thing_id, []).append((id_, time_ms, interval_s))
    for thing_id in faulty.keys() - due.keys():
        for id_, time_ms, interval_s in faulty[thing_id]:
            good_ms = newest_good(connection, id_, time_ms)
            if good_ms is not None:
                due_ms = good_ms + round(interval_s * 1000)
                due[thing_id] = max(due_ms, due.get(thing_id, due_ms))
    return due
