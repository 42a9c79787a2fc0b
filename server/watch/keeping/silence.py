"""Marks watches of which nothing good was heard for too long, and those that are heard again.

Silence neither raises nor clears anything: it says that how a watch stands is not known. Watches
that judge each sample fall silent; what is judged by the hour or by a timer goes by other rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, bindparam, func, select, update

from server.alerts.machine import Change
from server.db.alert_tables import alert_transition, alert_watch
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.db.tables import latest, observation
from server.watch.record import insert_unless_there
from wire.quality import FLAG_MASK, Flag, Test

_NO_CLOCK = int(Test.CLOCK_UNKNOWN | Test.FUTURE_TIME)
# Who has been silent for longer is silent since then, as far as we say.
_FURTHEST_MS = 30 * 86_400_000

_W = alert_watch.c


@dataclass(frozen=True, slots=True)
class _Heard:
    """A watch, and when something good was heard last."""

    id: int
    rule_rev: int
    level: int
    silence_ms: int
    silent_since_ms: int | None
    datastream_id: int
    good_ms: int

    def change(self, now_ms: int) -> Change | None:
        """Say whether it falls silent now, or is heard again."""
        is_silent = self.good_ms < now_ms - self.silence_ms
        if self.silent_since_ms is None:
            return Change.LOST if is_silent else None
        return Change.FOUND if not is_silent and self.good_ms > self.silent_since_ms else None


def is_good(of: ColumnElement[int]) -> ColumnElement[bool]:
    """Tell in a query which observations are evidence, by their quality."""
    passed = of.bitwise_and(FLAG_MASK).in_([int(Flag.PASS), int(Flag.NOT_EVALUATED)])
    return passed & (of.bitwise_and(_NO_CLOCK) == 0)


def read_changing(connection: Connection, now_ms: int) -> list[str]:
    """List the gateways with watches that may have fallen silent, or be heard again."""
    least = connection.execute(
        select(func.min(_W.silence_ms)).where(_W.retired_at.is_(None))
    ).scalar()
    if least is None:
        return []
    return list(connection.execute(_candidates(_W.gateway_id, now_ms - int(least))).scalars())


def mark_silence(engine: Engine, gateway_id: str, now_ms: int) -> int:
    """Mark the watches of a gateway by what was heard; gives how many changed."""
    with writing(engine) as connection:
        lock_gateways(connection, [gateway_id])
        found = [
            (one, change)
            for one in _read(connection, gateway_id, now_ms)
            if (change := one.change(now_ms)) is not None
        ]
        if found:
            _write(connection, found, now_ms)
    return len(found)


def newest_good(connection: Connection, datastream_id: int, before_ms: int) -> int | None:
    """Find when a series was good last, not long before an instant."""
    found = connection.execute(
        select(func.max(observation.c.time)).where(
            observation.c.datastream_id == datastream_id,
            observation.c.time <= before_ms,
            observation.c.time > before_ms - _FURTHEST_MS,
            observation.c.value.is_not(None),
            is_good(observation.c.quality),
        )
    ).scalar()
    return None if found is None else int(found)


def _again_ms(connection: Connection, one: _Heard) -> int:
    """Find the first good sample after a silence."""
    found = connection.execute(
        select(func.min(observation.c.time)).where(
            observation.c.datastream_id == one.datastream_id,
            observation.c.time > one.silent_since_ms,
            observation.c.value.is_not(None),
            is_good(observation.c.quality),
        )
    ).scalar()
    return one.good_ms if found is None else int(found)


def _candidates(column: Any, since_ms: int) -> Any:
    good = is_good(latest.c.quality)
    lost = _W.silent_since.is_(None) & ((latest.c.time < since_ms) | ~good)
    heard = _W.silent_since.is_not(None) & good & (latest.c.time > _W.silent_since)
    return (
        select(column)
        .join(latest, latest.c.datastream_id == _W.datastream_id)
        .where(_W.retired_at.is_(None), _W.silence_ms.is_not(None), lost | heard)
        .distinct()
        .order_by(column)
    )


def _read(connection: Connection, gateway_id: str, now_ms: int) -> list[_Heard]:
    rows = connection.execute(
        select(
            *(_W.id, _W.rule_rev, _W.level, _W.silence_ms, _W.silent_since, _W.datastream_id),
            *(latest.c.time, is_good(latest.c.quality)),
        )
        .join(latest, latest.c.datastream_id == _W.datastream_id)
        .where(_W.gateway_id == gateway_id, _W.retired_at.is_(None), _W.silence_ms.is_not(None))
    ).all()
    found = []
    for *watch, datastream_id, time_ms, good in rows:
        # What came last may be of a clock that ran ahead.
        last_ms = min(time_ms, now_ms)
        good_ms = time_ms if good else newest_good(connection, datastream_id, last_ms)
        id_, rev, level, silence_ms, since_ms = watch
        heard_ms = last_ms - _FURTHEST_MS if good_ms is None else good_ms
        found.append(_Heard(id_, rev, level, silence_ms, since_ms, datastream_id, heard_ms))
    return found


def _write(connection: Connection, found: Sequence[tuple[_Heard, Change]], now_ms: int) -> None:
    marks, rows = [], []
    for one, change in found:
        is_lost = change is Change.LOST
        marks.append({"of_id": one.id, "since_ms": one.good_ms if is_lost else None})
        since_ms = one.good_ms if is_lost else one.silent_since_ms
        rows.append(
            {
                "watch_id": one.id,
                "rule_rev": one.rule_rev,
                "at": one.good_ms + one.silence_ms if is_lost else _again_ms(connection, one),
                "since": since_ms,
                "recorded_at": now_ms,
                "kind": change.value,
                "level_from": one.level,
                "level_to": one.level,
                "evidence": {"since_ms": since_ms, "silence_ms": one.silence_ms},
            }
        )
    connection.execute(_MARK, marks)
    connection.execute(insert_unless_there(connection, alert_transition), rows)


_MARK = (
    update(alert_watch)
    .where(_W.id == bindparam("of_id"))
    .values(silent_since=bindparam("since_ms", type_=_W.silent_since.type))
)
