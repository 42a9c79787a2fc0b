"""What is told later than it is recorded: what was held back, and what goes on and on.

Causes first: while a gateway is gone, what follows from that is held back, until it has been back
for a while. What was shelved is told when that ends, if it still holds.
"""

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import ColumnElement, Connection, Engine, and_, or_, select, update

from server.alerts.condition import HOUR_MS
from server.alerts.kinds import KINDS
from server.alerts.machine import Change
from server.db.alert_tables import alert_rule, alert_transition, alert_watch
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.watch.keeping.isolation import Isolation, Stage
from server.watch.record import Notice, add_notices, bump, told_of
from server.watch.rows import Watch, read_watches
from server.watch.telling import Mode, Reason, Step, Told, tell

# A gateway that is back has so long to bring what it kept.
RELEASE_MS = 30 * 60_000
_CAUSE = "gateway_offline"
# What can follow from a gateway that is gone; of the weather nothing does.
_EFFECTS = [
    key
    for key, kind in KINDS.items()
    if KINDS[_CAUSE].cause_rank < kind.cause_rank <= KINDS["sensor_fault"].cause_rank
]

_W = alert_watch.c
_cause = alert_watch.alias("cause")
_cause_rule = alert_rule.alias("cause_rule")


def tell_afterwards(engine: Engine, now_ms: int, isolation: Isolation | None = None) -> int:
    """Hold back, release, tell and remind; gives how many watches that were."""
    step = Stage("tell_afterwards", isolation or Isolation())
    return sum(
        _each_gateway(engine, now_ms, step, *one)
        for one in (
            (_effects, _hold_back),
            (_released, _release),
            (_untold, _tell),
            (_lasting, _remind),
        )
    )


_Finder = Callable[[int], ColumnElement[bool]]
_Doer = Callable[[Connection, Sequence[Watch], int], int]


def _each_gateway(engine: Engine, now_ms: int, step: Stage, finds: _Finder, does: _Doer) -> int:
    """Do something with the watches that fit, a gateway at a time, under its lock."""
    in_force = _W.retired_at.is_(None)
    with engine.connect() as connection:
        gateways = (
            connection.execute(
                select(_W.gateway_id)
                .join(alert_rule, alert_rule.c.id == _W.rule_id)
                .where(in_force, finds(now_ms))
                .distinct()
                .order_by(_W.gateway_id)
            )
            .scalars()
            .all()
        )

    def at(gateway_id: str) -> int:
        with writing(engine) as connection:
            lock_gateways(connection, [gateway_id])
            fits = (_W.gateway_id == gateway_id, finds(now_ms))
            note = step.isolation.note
            watches = read_watches(connection, *fits, locked=True, without=note)
            found = does(connection, watches, now_ms)
            if found:
                bump(connection, [gateway_id])
        return found

    return sum(step.run(one, partial(at, one)) or 0 for one in gateways)


def _is_active_cause() -> ColumnElement[bool]:
    return and_(
        _cause.c.rule_id == _cause_rule.c.id,
        _cause_rule.c.kind == _CAUSE,
        _cause.c.level > 0,
        _cause.c.retired_at.is_(None),
    )


def _effects(_now_ms: int) -> ColumnElement[bool]:
    """Find what may follow from a gateway that is gone and is not held back yet."""
    has_cause = (
        select(_cause.c.id)
        .where(_is_active_cause(), _cause.c.gateway_id == _W.gateway_id)
        .correlate(alert_watch)
        .exists()
    )
    return _W.suppressed_by.is_(None) & alert_rule.c.kind.in_(_EFFECTS) & has_cause


def _hold_back(connection: Connection, watches: Sequence[Watch], _now_ms: int) -> int:
    for one in watches:
        cause = connection.execute(
            select(_cause.c.id)
            .where(_is_active_cause(), _cause.c.gateway_id == one.gateway_id)
            .order_by(_cause.c.id)
            .limit(1)
        ).scalar()
        _set(connection, one, suppressed_by=cause)
    return len(watches)


def _released(now_ms: int) -> ColumnElement[bool]:
    """Find what is held back though the gateway has been back for a while."""
    goes_on = (
        select(_cause.c.id)
        .where(
            _cause.c.id == _W.suppressed_by,
            _cause.c.retired_at.is_(None),
            or_(_cause.c.level > 0, _cause.c.last_transition_at > now_ms - RELEASE_MS),
        )
        .correlate(alert_watch)
        .exists()
    )
    return _W.suppressed_by.is_not(None) & ~goes_on


def _release(connection: Connection, watches: Sequence[Watch], _now_ms: int) -> int:
    for one in watches:
        _set(connection, one, suppressed_by=None)
    return len(watches)


def _untold(now_ms: int) -> ColumnElement[bool]:
    """Find what stands otherwise than was told, and may be told."""
    return and_(
        _W.level != _W.told_level,
        _W.refold_from.is_(None),
        _W.suppressed_by.is_(None),
        or_(_W.shelved_until.is_(None), _W.shelved_until <= now_ms),
    )


def _tell(connection: Connection, watches: Sequence[Watch], now_ms: int) -> int:
    for one in watches:
        last = _last_transition(connection, one)
        steps = [] if last is None else [last[1]]
        level = int(one.machine.level)
        telling = tell(one.kind, told_of(one, now_ms), steps, level, now_ms)
        if telling.mode is not None:
            id_ = last[0] if last is not None and telling.step is not None else None
            key = f"later:{one.id}:{now_ms}"
            notice = Notice(one.id, id_, telling.mode, telling.reason, key)
            add_notices(connection, [notice], now_ms)
        _set_told(connection, one, telling.told)
    return len(watches)


def _last_transition(connection: Connection, watch: Watch) -> tuple[int, Step] | None:
    of = alert_transition.c
    row = connection.execute(
        select(of.id, of.kind, of.level_to, of.at)
        .where(
            of.watch_id == watch.id,
            of.superseded_at.is_(None),
            of.kind.not_in([Change.LOST.value, Change.FOUND.value]),
        )
        .order_by(of.at.desc(), of.id.desc())
        .limit(1)
    ).first()
    return None if row is None else (row.id, Step(Change(row.kind), row.level_to, row.at))


def _lasting(now_ms: int) -> ColumnElement[bool]:
    """Find what was told, goes on, and has been acknowledged by nobody."""
    return and_(
        _W.level > 0,
        _W.told_level == _W.level,
        _W.told_at <= now_ms - HOUR_MS,
        _W.acked_at.is_(None),
        _W.silent_since.is_(None),
        _W.suppressed_by.is_(None),
        or_(_W.shelved_until.is_(None), _W.shelved_until <= now_ms),
    )


def _remind(connection: Connection, watches: Sequence[Watch], now_ms: int) -> int:
    done = 0
    for one in watches:
        realarm_ms, told_ms = one.basis.realarm_ms, one.told_at_ms or now_ms
        if not realarm_ms or told_ms > now_ms - realarm_ms:
            continue
        last = _last_transition(connection, one)
        id_ = None if last is None else last[0]
        key = f"reminder:{one.id}:{told_ms}"
        notice = Notice(one.id, id_, Mode.IMMEDIATE, Reason.REMINDER, key)
        add_notices(connection, [notice], now_ms)
        _set_told(connection, one, Told(one.told_level, now_ms, is_held=False))
        done += 1
    return done


def _set_told(connection: Connection, watch: Watch, told: Told) -> None:
    _set(connection, watch, told_level=told.level, told_at=told.at_ms)


def _set(connection: Connection, watch: Watch, **values: object) -> None:
    connection.execute(update(alert_watch).where(_W.id == watch.id).values(**values))
