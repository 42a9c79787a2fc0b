"""Writes the record of watches: how they stand, their transitions, and what is to be told.

All of it in the caller's transaction, under the locks of the gateways the watches belong to. What
is written moves `gateway.watch_rev` on, so that whoever remembers a watch reads it again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from server.alerts.machine import Machine, Transition, to_json
from server.db.alert_tables import alert_notice, alert_transition, alert_watch
from server.db.members import among
from server.db.tables import gateway
from server.watch.at_once import write_at_once
from server.watch.evidence import about
from server.watch.rows import Watch
from server.watch.telling import Mode, Reason, Step, Telling, Told, tell

_KEY = ("watch_id", "rule_rev", "at", "kind", "level_to")


@dataclass(frozen=True, slots=True)
class Entry:
    """What has become of one watch.

    `transitions` are those that are new; `late` holds the indices of those that correct what was on
    record; `until_ms` is how far samples were looked at.
    """

    watch: Watch
    machine: Machine
    transitions: Sequence[Transition]
    until_ms: int | None
    late: frozenset[int] = frozenset()


def write(connection: Connection, entries: Sequence[Entry], now_ms: int) -> list[Watch]:
    """Write what has become of some watches, each named once, and give them as they are now."""
    if not entries:
        return []
    tellings = [_telling(entry, now_ms) for entry in entries]
    after = [_after(one, told.told) for one, told in zip(entries, tellings, strict=True)]
    pairs = list(zip(entries, tellings, strict=True))
    if connection.dialect.name == "postgresql":
        _write_at_once(connection, pairs, after, now_ms)
    else:
        _write_in_steps(connection, pairs, after, now_ms)
    return after


_Pairs = Sequence[tuple[Entry, Telling]]


def _write_at_once(
    connection: Connection, pairs: _Pairs, after: Sequence[Watch], now_ms: int
) -> None:
    told = [
        {
            **_key_of(entry.watch, entry.transitions[one.step]),
            "mode": one.mode,
            "reason": one.reason,
        }
        for entry, one in pairs
        if one.mode is not None and one.step is not None
    ]
    made = _rows([entry for entry, _ in pairs], now_ms)
    gateways = sorted({one.gateway_id for one in after})
    write_at_once(connection, made, told, [_state(one) for one in after], gateways, now_ms)
    add_notices(connection, [_correction(*one, now_ms) for one in _corrections(pairs)], now_ms)


def _write_in_steps(
    connection: Connection, pairs: _Pairs, after: Sequence[Watch], now_ms: int
) -> None:
    ids = _insert_transitions(connection, _rows([entry for entry, _ in pairs], now_ms))
    notices = [_correction(*one, now_ms) for one in _corrections(pairs)]
    for entry, one in pairs:
        if one.mode is not None and one.step is not None:
            id_ = ids[tuple(_key_of(entry.watch, entry.transitions[one.step]).values())]
            notices.append(Notice(entry.watch.id, id_, one.mode, one.reason, f"new:{id_}"))
    add_notices(connection, notices, now_ms)
    connection.execute(_UPDATE, [_state(one) for one in after])
    bump(connection, {one.gateway_id for one in after})


def _corrections(pairs: _Pairs) -> list[tuple[Watch, Telling]]:
    """Find what is told of no transition: others were taken back."""
    return [(entry.watch, one) for entry, one in pairs if one.mode is not None and one.step is None]


def _correction(watch: Watch, telling: Telling, now_ms: int) -> "Notice":
    key = f"correction:{watch.id}:{now_ms}"
    return Notice(watch.id, None, telling.mode or Mode.DIGEST, telling.reason, key)


def bump(connection: Connection, gateways: Iterable[str]) -> None:
    """Have what is remembered of gateways' watches read anew."""
    wanted = sorted(set(gateways))
    if wanted:
        connection.execute(
            update(gateway)
            .where(among(connection, gateway.c.id, wanted))
            .values(watch_rev=gateway.c.watch_rev + 1)
        )


def insert_unless_there(connection: Connection, table: Table) -> Any:
    """Insert rows, except those whose keys are there."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()


def told_of(watch: Watch, now_ms: int) -> Told:
    """Say what was told of a watch, and whether it may be told of now."""
    is_shelved = watch.shelved_until_ms is not None and watch.shelved_until_ms > now_ms
    is_held = is_shelved or watch.suppressed_by is not None
    return Told(watch.told_level, watch.told_at_ms, is_held)


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told of a watch; the `key` makes it one, however often it is written."""

    watch_id: int
    transition_id: int | None
    mode: Mode
    reason: Reason
    key: str


def add_notices(connection: Connection, notices: Sequence[Notice], now_ms: int) -> None:
    """Write what is to be told, unless it was written before."""
    rows = [
        {
            "transition_id": one.transition_id,
            "watch_id": one.watch_id,
            "mode": one.mode.value,
            "reason": one.reason.value,
            "created_at": now_ms,
            "key": one.key,
        }
        for one in notices
    ]
    if rows:
        connection.execute(insert_unless_there(connection, alert_notice), rows)


def transition_row(
    watch: Watch, one: Transition, now_ms: int, *, is_late: bool
) -> dict[str, object]:
    """Give the row of a transition."""
    return {
        "watch_id": watch.id,
        "rule_rev": watch.rule_rev,
        "at": one.at_ms,
        "since": one.since_ms,
        "recorded_at": now_ms,
        "kind": one.kind.value,
        "level_from": int(one.level_from),
        "level_to": int(one.level_to),
        "evidence": {**to_json(one.evidence), "began_ms": one.began_ms, **about(watch)},
        "machine": to_json(one.machine),
        "corrected": is_late,
    }


def _rows(entries: Sequence[Entry], now_ms: int) -> list[dict[str, object]]:
    return [
        transition_row(entry.watch, one, now_ms, is_late=at in entry.late)
        for entry in entries
        for at, one in enumerate(entry.transitions)
    ]


def _insert_transitions(
    connection: Connection, rows: Sequence[Mapping[str, Any]]
) -> dict[tuple[object, ...], int]:
    """Insert them, and find each one's id by its key; one that is there already keeps its own."""
    if not rows:
        return {}
    columns = [alert_transition.c.id, *(alert_transition.c[name] for name in _KEY)]
    connection.execute(insert_unless_there(connection, alert_transition), rows)
    there = connection.execute(
        select(*columns).where(
            alert_transition.c.watch_id.in_({row["watch_id"] for row in rows}),
            alert_transition.c.at >= min(row["at"] for row in rows),
            alert_transition.c.superseded_at.is_(None),
        )
    )
    return {tuple(key): int(id_) for id_, *key in there}


def _telling(entry: Entry, now_ms: int) -> Telling:
    steps = [
        Step(one.kind, int(one.level_to), one.at_ms, is_late=at in entry.late)
        for at, one in enumerate(entry.transitions)
    ]
    told = told_of(entry.watch, now_ms)
    return tell(entry.watch.kind, told, steps, int(entry.machine.level), now_ms)


def _key_of(watch: Watch, one: Transition) -> dict[str, object]:
    key = (watch.id, watch.rule_rev, one.at_ms, one.kind.value, int(one.level_to))
    return dict(zip(_KEY, key, strict=True))


def _after(entry: Entry, told: Told) -> Watch:
    """Give a watch as it is now; what got worse, or is over, waits for no hand of before."""
    machine, watch = entry.machine, entry.watch
    rose = any(one.level_to > one.level_from for one in entry.transitions)
    is_over = bool(entry.transitions) and not machine.level
    return replace(
        watch,
        machine=machine,
        folded_until_ms=entry.until_ms,
        refold_from_ms=None,
        told_level=told.level,
        told_at_ms=told.at_ms,
        acked_at_ms=None if rose or is_over else watch.acked_at_ms,
    )


def _state(watch: Watch) -> dict[str, object]:
    machine = watch.machine
    return {
        "of_id": watch.id,
        "level": int(machine.level),
        "since": machine.since_ms,
        "machine": to_json(machine),
        "folded_until": watch.folded_until_ms,
        "last_transition_at": machine.changed_ms,
        "told_level": watch.told_level,
        "told_at": watch.told_at_ms,
        "acked_at": watch.acked_at_ms,
        "refold_from": watch.refold_from_ms,
    }


_STATE = (
    *("level", "since", "machine", "folded_until", "last_transition_at"),
    *("told_level", "told_at", "acked_at", "refold_from"),
)
_UPDATE = (
    update(alert_watch)
    .where(alert_watch.c.id == bindparam("of_id"))
    .values({name: bindparam(name) for name in _STATE})
)
