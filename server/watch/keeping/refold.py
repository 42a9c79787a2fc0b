"""Makes the record of a watch anew from an instant on, and writes what of it has become another.

A record follows from the stored observations alone: what came late, or twice, or in any order makes
the same transitions in the end. Those that no longer hold are superseded, never deleted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from server.alerts.condition import HOUR_MS
from server.alerts.machine import (
    Change,
    Machine,
    Transition,
    begin_anew,
    machine_from_json,
    to_json,
)
from server.alerts.samples import Samples
from server.db.alert_tables import alert_transition
from server.watch.folding import fold_long
from server.watch.keeping.samples import Asked, Read, read_many
from server.watch.record import Entry, write
from server.watch.rows import Watch

# An edited rule is judged from so long before the episode, or the edit.
_BEFORE_MS = 30 * 24 * HOUR_MS
_BY_TIMERS = (Change.LOST.value, Change.FOUND.value)

_T = alert_transition.c


@dataclass(frozen=True, slots=True)
class _Kept:
    """A transition on record."""

    id: int
    key: tuple[int, str, int]
    machine: Machine
    evidence: dict[str, Any]

    @property
    def at_ms(self) -> int:
        """When it was."""
        return self.key[0]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the record of a watch is sure to hold, and which transitions of later are in doubt.

    `machine` is how it stands there; None: as the rule before left it. `from_ms`: from when on
    samples are needed.
    """

    watch: Watch
    machine: Machine | None
    from_ms: int
    in_doubt: Sequence[_Kept] = ()


@dataclass(frozen=True, slots=True)
class _Made:
    """What folding came to, and which transitions on record it takes the place of."""

    machine: Machine
    transitions: Sequence[Transition]
    read: Read
    instead_of: Sequence[_Kept] = ()


def refold(connection: Connection, watches: Sequence[Watch], now_ms: int) -> list[Watch]:
    """Bring records up to what is stored by now; gives the watches as they are then.

    Watches with `refold_from` are judged anew from there; the others go on from where they are. The
    locks of all gateways concerned must be held, and the watches have been read since.
    """
    kept = _read_kept(connection, [one for one in watches if _has_record(one)])
    plans = [_plan(one, kept.get(one.id, [])) for one in watches]
    asked = [Asked(one.watch.datastream_id, one.watch.basis, one.from_ms) for one in plans]
    entries = [
        _entry(connection, plan, read, now_ms)
        for plan, read in zip(plans, read_many(connection, asked, now_ms), strict=True)
    ]
    return write(connection, entries, now_ms)


def _has_record(watch: Watch) -> bool:
    """Tell whether transitions on record may be in doubt."""
    is_new = watch.folded_until_ms is None and watch.base is None
    return watch.refold_from_ms is not None and not is_new


def _entry(connection: Connection, plan: _Plan, read: Read, now_ms: int) -> Entry:
    made, known_ms = _fold(plan, read), plan.watch.folded_until_ms
    new = _correct(connection, made, now_ms)
    late = (at for at, one in enumerate(new) if known_ms is not None and one.at_ms <= known_ms)
    until_ms = max(filter(None, (known_ms, made.read.until_ms)), default=None)
    return Entry(plan.watch, made.machine, new, until_ms, frozenset(late))


def _plan(watch: Watch, kept: Sequence[_Kept]) -> _Plan:
    """Find the newest state that is sure to hold."""
    again_ms = watch.refold_from_ms
    if again_ms is None:
        return _from_machine(watch, watch.machine)
    sure = [one for one in kept if one.at_ms < again_ms]
    is_of_base = watch.base is not None and again_ms <= (watch.base_at_ms or 0)
    if sure and not is_of_base:
        return _from_machine(watch, sure[-1].machine, kept[len(sure) :])
    return _from_base(watch, kept)


def _from_machine(watch: Watch, machine: Machine, in_doubt: Sequence[_Kept] = ()) -> _Plan:
    from_ms = machine.until_ms if machine.until_ms is not None else watch.base_at_ms or 0
    return _Plan(watch, machine, from_ms, in_doubt)


def _from_base(watch: Watch, in_doubt: Sequence[_Kept]) -> _Plan:
    """Begin where the record does: with nothing, or as the rule before left it."""
    if watch.base is None:
        return _from_machine(watch, Machine(), in_doubt)
    base_ms, condition = watch.base_at_ms or 0, watch.condition
    began_ms = base_ms if watch.base.since_ms is None else watch.base.since_ms
    from_ms = began_ms - _BEFORE_MS - condition.on_delay_ms - condition.silence_ms
    return _Plan(watch, None, max(0, from_ms), in_doubt)


def _fold(plan: _Plan, read: Read) -> _Made:
    condition = plan.watch.condition
    if plan.machine is not None:
        machine, made = fold_long(condition, plan.machine, read.samples)
        return _Made(machine, made, read, plan.in_doubt)
    before, after = _split(read.samples, plan.watch.base_at_ms or 0)
    machine, first = begin_anew(condition, plan.watch.base or Machine(), before)
    machine, later = fold_long(condition, machine, after)
    return _Made(machine, [*first, *later], read, plan.in_doubt)


def _split(samples: Samples, at_ms: int) -> tuple[Samples, Samples]:
    """Part samples into those until an instant and those after it."""
    is_before = samples.time_ms <= at_ms
    first, second = (
        Samples(samples.time_ms[part], samples.value[part], samples.good[part])
        for part in (is_before, ~is_before)
    )
    return first, second


def _read_kept(connection: Connection, watches: Sequence[Watch]) -> dict[int, list[_Kept]]:
    """Read by watch the transitions on record, by the present rule, in order of time."""
    found: dict[int, list[_Kept]] = {}
    if not watches:
        return found
    revs = {one.id: one.rule_rev for one in watches}
    rows = connection.execute(
        select(*(_T.watch_id, _T.rule_rev, _T.id, _T.at, _T.kind), _T.level_to)
        .add_columns(_T.machine, _T.evidence)
        .where(
            _T.watch_id.in_(sorted(revs)),
            _T.superseded_at.is_(None),
            _T.kind.not_in(_BY_TIMERS),
        )
        .order_by(_T.watch_id, _T.at, _T.id)
    )
    for watch_id, rev, id_, at, kind, level_to, machine, evidence in rows:
        if rev == revs[watch_id]:
            one = _Kept(id_, (at, kind, level_to), machine_from_json(machine), evidence)
            found.setdefault(watch_id, []).append(one)
    return found


def _correct(connection: Connection, made: _Made, now_ms: int) -> list[Transition]:
    """Supersede what no longer holds, bring what does in line; gives what is new."""
    there = {one.key: one for one in made.instead_of}
    asked = {_key(one): one for one in made.transitions}
    _supersede(connection, [one.id for key, one in there.items() if key not in asked], now_ms)
    _align(connection, [(there[key], one) for key, one in asked.items() if key in there])
    return [one for key, one in asked.items() if key not in there]


def _key(one: Transition) -> tuple[int, str, int]:
    return one.at_ms, one.kind.value, int(one.level_to)


def _supersede(connection: Connection, ids: Iterable[int], now_ms: int) -> None:
    rows = [{"of_id": one, "now_ms": now_ms} for one in ids]
    if rows:
        connection.execute(_SUPERSEDE, rows)


def _align(connection: Connection, pairs: Sequence[tuple[_Kept, Transition]]) -> None:
    """Write the state and the evidence of transitions that stay: rows within their runs count."""
    rows = []
    for kept, made in pairs:
        evidence = {**kept.evidence, **to_json(made.evidence), "began_ms": made.began_ms}
        if made.machine != kept.machine or evidence != kept.evidence:
            rows.append(
                {
                    "of_id": kept.id,
                    "since": made.since_ms,
                    "machine": to_json(made.machine),
                    "evidence": evidence,
                }
            )
    if rows:
        connection.execute(_ALIGN, rows)


_OWN = _T.id == bindparam("of_id")
_SUPERSEDE = (
    update(alert_transition)
    .where(_OWN)
    .values(superseded_at=bindparam("now_ms", type_=_T.superseded_at.type))
)
_ALIGN = (
    update(alert_transition)
    .where(_OWN)
    .values({name: bindparam(name) for name in ("since", "machine", "evidence")})
)
