"""From rules to watches: one for each subject that a rule is about, as the inventory knows them.

A gateway at a time, under its lock. What a rule is no longer about is retired, an episode ended
without a word. Where a condition has become another, the record goes on by that from now on.
"""

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from server.alerts.machine import Machine, end, to_json
from server.db.alert_tables import alert_input, alert_transition, alert_watch
from server.db.tables import datastream
from server.watch.record import bump, transition_row
from server.watch.rows import Watch, basis_from_json, basis_to_json, read_watches
from server.watch.rules.wanted import Wanted

# A new watch's record begins so long ago.
RECORD_MS = 400 * 86_400_000
REMOVED = "no longer watched"

_W = alert_watch.c


class Settling(Enum):
    """What came of bringing a watch in line."""

    SAME = auto()
    CHANGED = auto()
    WAITS = auto()


def expand(connection: Connection, gateway_id: str, wanted: Sequence[Wanted], now_ms: int) -> bool:
    """Make a gateway's watches those that are wanted; tells whether all of them are.

    The gateway's lock must be held. A watch whose record is yet to be made anew must wait for that.
    """
    rows = connection.execute(
        select(_W.id, _W.rule_id, _W.subject, _W.input, _W.retired_at, _W.refold_from).where(
            _W.gateway_id == gateway_id
        )
    ).all()
    there = {(row.rule_id, row.subject): row for row in rows}
    asked = {(one.rule_id, one.subject): one for one in wanted}
    new = [one for key, one in asked.items() if key not in there]
    kept = [(there[key], one) for key, one in asked.items() if key in there]
    gone = [row.id for key, row in there.items() if key not in asked and row.retired_at is None]
    _add(connection, new, now_ms)
    settled = [_settle(connection, row, one, now_ms) for row, one in kept]
    _retire(connection, gone, now_ms)
    if new or gone or Settling.CHANGED in settled:
        others = _gateways_of(connection, [one for one in wanted if one.basis.other])
        bump(connection, [gateway_id, *others])
    return Settling.WAITS not in settled


def _add(connection: Connection, wanted: Sequence[Wanted], now_ms: int) -> None:
    if not wanted:
        return
    rows = [
        {
            "rule_id": one.rule_id,
            "rule_rev": 1,
            "gateway_id": one.place.gateway_id,
            "site_id": one.place.site_id,
            "thing_id": one.place.thing_id,
            "datastream_id": one.datastream_id,
            "subject": one.subject,
            **_judged_by(one),
            **_anew(one, now_ms),
        }
        for one in wanted
    ]
    ids = connection.execute(
        insert(alert_watch).returning(alert_watch.c.id, sort_by_parameter_order=True), rows
    ).scalars()
    _enter_inputs(connection, dict(zip(ids, wanted, strict=True)))


def _gateways_of(connection: Connection, wanted: Sequence[Wanted]) -> list[str]:
    """List the gateways of what watches are compared with: they must know that it is heard."""
    ids = {one.basis.other.datastream_id for one in wanted if one.basis.other}
    rows = connection.execute(
        select(datastream.c.gateway_id).where(datastream.c.id.in_(ids)).distinct()
    )
    return list(rows.scalars()) if ids else []


def _judged_by(one: Wanted) -> dict[str, object]:
    return {
        "input": basis_to_json(one.basis),
        "silence_ms": one.basis.condition.silence_ms if one.datastream_id else None,
    }


def _anew(one: Wanted, now_ms: int) -> dict[str, object]:
    """Begin a record; what is judged by a timer has none of the past."""
    judges_samples = one.datastream_id is not None or bool(one.basis.sources)
    begins_ms = now_ms - RECORD_MS if judges_samples else None
    record = {"base_at": begins_ms, "refold_from": begins_ms, "folded_until": None}
    return {**record, "base": None, "machine": None}


def _enter_inputs(connection: Connection, made: Mapping[int, Wanted]) -> None:
    """Enter which series a watch by the hour is judged on."""
    rows = [
        {"watch_id": id_, "datastream_id": source.datastream_id}
        for id_, one in made.items()
        for source in {*one.basis.sources, *([one.basis.other] if one.basis.other else [])}
    ]
    if rows:
        connection.execute(insert(alert_input), rows)


def _settle(connection: Connection, row: Any, one: Wanted, now_ms: int) -> Settling:
    """Bring a watch that is there in line."""
    before = basis_from_json(row.input)
    own = update(alert_watch).where(_W.id == row.id)
    if row.retired_at is not None:
        again = {"retired_at": None, "rule_rev": _W.rule_rev + 1, "level": 0, "since": None}
        connection.execute(own.values(**again, **_judged_by(one), **_anew(one, now_ms)))
    elif before == one.basis:
        return Settling.SAME
    elif _same_record(before, one):
        connection.execute(own.values(_judged_by(one)))
    elif row.refold_from is None:
        connection.execute(
            own.values(
                base=_W.machine,
                base_at=now_ms,
                folded_until=None,
                refold_from=now_ms if _anew(one, now_ms)["base_at"] else None,
                rule_rev=_W.rule_rev + 1,
                **_judged_by(one),
            )
        )
    else:
        return Settling.WAITS
    connection.execute(delete(alert_input).where(alert_input.c.watch_id == row.id))
    _enter_inputs(connection, {row.id: one})
    return Settling.CHANGED


def _same_record(before: Any, one: Wanted) -> bool:
    """Tell whether what is judged stays the same, so that the record simply goes on."""
    after = one.basis
    return bool(
        (before.condition, before.input, before.window_ms, before.threshold)
        == (after.condition, after.input, after.window_ms, after.threshold)
        and (before.sources, before.other, before.span_m, before.thermometer)
        == (after.sources, after.other, after.span_m, after.thermometer)
    )


def _retire(connection: Connection, ids: Sequence[int], now_ms: int) -> None:
    """Watch something no longer; an episode is ended, and nobody told that it is over."""
    if not ids:
        return
    for watch in read_watches(connection, _W.id.in_(ids)):
        if watch.machine.level:
            _end(connection, watch, now_ms)
    connection.execute(
        update(alert_watch)
        .where(_W.id.in_(ids))
        .values(
            retired_at=now_ms,
            level=0,
            since=None,
            machine=None,
            told_level=0,
            refold_from=None,
            silent_since=None,
            suppressed_by=None,
            acked_at=None,
        )
    )


def _end(connection: Connection, watch: Watch, now_ms: int) -> None:
    condition, machine = watch.condition, watch.machine
    worst = next(
        (one.threshold for one in condition.levels if one.severity == machine.level),
        condition.levels[0].threshold,
    )
    _, transition = end(condition, machine, now_ms, worst, REMOVED)
    row = transition_row(watch, transition, now_ms, is_late=False)
    connection.execute(insert(alert_transition), [row | {"machine": to_json(Machine())}])
