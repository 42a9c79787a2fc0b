"""Which subscriptions a notice is for, as conditions on the tables; who asks joins them."""

from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)

from server.alerts.machine import Change
from server.db.alert_tables import alert_notice, alert_rule, alert_transition, alert_watch
from server.db.notify_tables import subscriber, subscription
from server.db.tables import thing

N, T, W, R = alert_notice.c, alert_transition.c, alert_watch.c, alert_rule.c
S, P = subscription.c, subscriber.c

IMMEDIATE = "immediate"
_DOWN = (Change.EASED.value, Change.CLEARED.value, Change.ENDED.value)


class Direction(StrEnum):
    """Which way a change went; what goes one way is told together."""

    UP = "up"
    DOWN = "down"


def notices() -> FromClause:
    """Join notices with what they tell of; a correction may have no transition."""
    return (
        alert_notice.join(alert_watch, W.id == N.watch_id)
        .join(alert_rule, R.id == W.rule_id)
        .outerjoin(alert_transition, T.id == N.transition_id)
    )


def is_down() -> ColumnElement[bool]:
    """Be a change for the better."""
    return T.kind.in_(_DOWN)


def direction() -> ColumnElement[str]:
    """Give the way of a change."""
    return case((is_down(), literal(Direction.DOWN.value)), else_=literal(Direction.UP.value))


def group_key() -> ColumnElement[str]:
    """Give what goes together: one site, one kind, one way."""
    site = func.coalesce(cast(W.site_id, Text), W.gateway_id)
    return site + ":" + R.kind + ":" + direction()


def highest() -> ColumnElement[int]:
    """Give the worse of the level told and the one it came from."""
    return case((T.level_from > T.level_to, T.level_from), else_=T.level_to)


def is_wanted(level: ColumnElement[int]) -> ColumnElement[bool]:
    """Be what a subscription asks for: its site, thing and kind, and bad enough.

    What concerns a gateway concerns the sites of its stations.
    """
    here = exists(
        select(thing.c.id)
        .where(thing.c.gateway_id == W.gateway_id, thing.c.site_id == S.site_id)
        .correlate(alert_watch, subscription)
    )
    at_site = or_(S.site_id.is_(None), W.site_id == S.site_id, and_(W.site_id.is_(None), here))
    at_thing = or_(S.thing_id.is_(None), S.thing_id == W.thing_id)
    return and_(at_site, at_thing, or_(S.kind.is_(None), S.kind == R.kind), S.min_level <= level)


def is_open(now_ms: int) -> ColumnElement[bool]:
    """Be a subscription that is in force: agreed to, not ended, not paused, its address sound."""
    return and_(
        S.confirmed_at.is_not(None),
        S.ended_at.is_(None),
        S.bounced_at.is_(None),
        P.deleted_at.is_(None),
        or_(P.paused_until.is_(None), P.paused_until <= now_ms),
    )
