"""Judges by the clock what no sample tells: gateways that are gone, stations without data.

What holds now is taken for a sample a minute. The state that it makes is written when it changes;
while it lasts, the samples since are made up again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Engine, select

from server.alerts.condition import Condition
from server.alerts.kinds import KINDS, Pace
from server.alerts.machine import fold
from server.alerts.samples import Samples
from server.db.alert_tables import alert_rule, alert_watch
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.db.tables import datastream, gateway, latest
from server.watch.keeping.isolation import Isolation, Stage
from server.watch.keeping.silence import is_good, newest_good
from server.watch.record import Entry, write
from server.watch.rows import Watch, read_watches

_KINDS = [key for key, kind in KINDS.items() if kind.pace in (Pace.GATEWAY, Pace.SILENCE)]
# A gateway that says nothing for so many of its heartbeats is gone, and for at least so long.
_HEARTBEATS, _LEAST_MS = 3, 300_000
# One that rests may be so late.
_RESTED_MS = 900_000
_MOST_SAMPLES = 1_000
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Fact:
    """What holds of a subject since an instant (ms UTC); with `grows` it is the seconds since.

    With `until_ms` it is the days until then.
    """

    value: float
    since_ms: int
    grows: bool = False
    until_ms: int | None = None

    def at(self, time_ms: int) -> float:
        """Give the value at an instant."""
        if self.until_ms is not None:
            return (self.until_ms - time_ms) / _DAY_MS
        return max(0, time_ms - self.since_ms) / 1000 if self.grows else self.value


def judge_states(engine: Engine, now_ms: int, isolation: Isolation | None = None) -> int:
    """Judge all watches that go by the clock; gives how many have changed."""
    step = Stage("judge_states", isolation or Isolation())

    def at(gateway_id: str) -> int:
        with writing(engine) as connection:
            lock_gateways(connection, [gateway_id])
            known, watches = _look(connection, now_ms, step, gateway_id)
            news = _news(known, watches.get(gateway_id, []), now_ms)
            return len(write(connection, news, now_ms))

    with engine.connect() as connection:
        known, watches = _look(connection, now_ms, step)
    changing = [
        gateway_id
        for gateway_id, own in sorted(watches.items())
        if step.run(gateway_id, partial(_news, known, own, now_ms))
    ]
    return sum(step.run(one, partial(at, one)) or 0 for one in changing)


def _look(
    connection: Connection, now_ms: int, step: Stage, only: str | None = None
) -> tuple["_Known", dict[str, list[Watch]]]:
    """Read what is known, and by gateway the watches that go by it."""
    where: list[ColumnElement[bool]] = [alert_rule.c.kind.in_(_KINDS)]
    if only is not None:
        where.append(alert_watch.c.gateway_id == only)
    known = _Known(_read_statuses(connection), _read_due(connection, now_ms, only))
    found: dict[str, list[Watch]] = {}
    for watch in read_watches(connection, *where, without=step.isolation.note):
        found.setdefault(watch.gateway_id, []).append(watch)
    return known, found


def _news(known: "_Known", watches: Sequence[Watch], now_ms: int) -> list[Entry]:
    """Judge watches; gives those of which something has become another."""
    facts = ((one, known.fact(one, now_ms)) for one in watches)
    judged = (_entry(one, fact, now_ms) for one, fact in facts if fact is not None)
    return [one for one in judged if _is_news(one)]


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
    """Give the instants of samples since the newest that is kept, or since the fact began.

    So what had been so for weeks when a rule was made is dated then, and told in the digest.
    """
    condition, known_ms = watch.condition, watch.machine.until_ms
    first_ms = fact.since_ms if known_ms is None else max(known_ms + 1, fact.since_ms)
    step_ms = _step_ms(condition, now_ms - first_ms)
    first_ms = max(first_ms, now_ms - min(_MOST_SAMPLES * step_ms, now_ms))
    crossed_ms = (fact.since_ms + round(one.threshold * 1000) for one in condition.levels)
    lines = {one for one in crossed_ms if fact.grows and first_ms <= one < now_ms}
    yield from sorted({*range(first_ms, now_ms, step_ms), *lines, now_ms})


def _step_ms(condition: Condition, span_ms: int) -> int:
    """Tell how far samples are apart: further over a long time, where nobody counts them.

    A gap as long as silence would break a run: none is, however long a server was away.
    """
    step_ms = max(condition.interval_ms, 1)
    if condition.min_share > 0:
        return step_ms
    return max(step_ms, min(-(-span_ms // _MOST_SAMPLES), condition.silence_ms // 2))


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
        if watch.kind.key == "gateway_certificate":
            return status.certificate()
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

    def certificate(self) -> Fact | None:
        """Say how long the first to end of what its uplink depends on lasts, as last told.

        A last will tells of none: whether the broker's is still the same is not known then.
        """
        ends_ms = [int(one["ends"]) for one in self.told.get("certificates") or ()]
        return Fact(0.0, self.at_ms, until_ms=min(ends_ms)) if ends_ms else None

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


def _read_due(connection: Connection, now_ms: int, only: str | None) -> dict[int, int]:
    """Read of each thing when a sample should have come after the last good one.

    What came last may be of a clock that ran ahead: good ones are looked for until now.
    """
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
            good_ms = newest_good(connection, id_, min(int(time_ms), now_ms))
            if good_ms is not None:
                due_ms = good_ms + round(interval_s * 1000)
                due[thing_id] = max(due_ms, due.get(thing_id, due_ms))
    return due
