"""Digests: what is not told at once, in one message a site, each morning or each Monday morning.

To everybody go corrections, what came late, and what was too much for a day; to those who asked for
a digest all of it. Of each watch only the last change is told: how it stands.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)

from server.alerts.condition import Severity
from server.db.alert_tables import alert_notice
from server.db.engine import writing
from server.db.notify_tables import message, subscriber, subscription
from server.db.once import enter_missing
from server.notify.matching import (
    IMMEDIATE,
    N,
    P,
    S,
    T,
    W,
    highest,
    is_open,
    is_wanted,
    notices,
)
from server.notify.sending.quiet_hours import last_due_ms

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
# Seven in the morning, where the reader lives.
MORNING = 7 * 60
_MONDAY = 0
# A day of the clock's change has 23 hours; a week less one.
_LEAST_MS = {"immediate": 22 * _HOUR_MS, "daily": 22 * _HOUR_MS, "weekly": 166 * _HOUR_MS}
# What is older nobody is told of any more: the pages have it.
_OLDEST_MS = 9 * _DAY_MS
# Subscriptions of one transaction; changes that one digest tells.
_AT_ONCE, _MOST = 500, 50

_M = message.c


def queue_digests(engine: Engine, now_ms: int) -> int:
    """Queue the digests that are due; gives how many messages that were."""
    with engine.connect() as connection:
        due = [row for row in _candidates(connection, now_ms) if is_digest_due(row, now_ms)]
    made = 0
    for first in range(0, len(due), _AT_ONCE):
        with writing(engine) as connection:
            made += _queue(connection, due[first : first + _AT_ONCE], now_ms)
    return made


def is_digest_due(row: Row[Any], now_ms: int) -> bool:
    """Tell whether a morning has come since a subscription's last digest."""
    weekday = _MONDAY if row.mode == "weekly" else None
    since = row.digest_at if row.digest_at is not None else row.confirmed_at
    return bool(since < last_due_ms(now_ms, row.time_zone, MORNING, weekday))


def _candidates(connection: Connection, now_ms: int) -> Sequence[Any]:
    rested = [
        and_(S.mode == mode, or_(S.digest_at.is_(None), S.digest_at <= now_ms - least))
        for mode, least in _LEAST_MS.items()
    ]
    columns = (
        *(S.id, S.subscriber_id, S.channel, S.mode, S.digest_at, S.confirmed_at),
        P.time_zone,
    )
    return connection.execute(
        select(*columns)
        .join(subscriber, P.id == S.subscriber_id)
        .where(is_open(now_ms), or_(*rested), S.turn == 0)
        .order_by(S.subscriber_id, S.id)
    ).all()


def _queue(connection: Connection, due: Sequence[Row[Any]], now_ms: int) -> int:
    ids = [row.id for row in due]
    found = _changes(connection, ids, now_ms)
    rows = [_message(key, some, now_ms) for key, some in _by_person_and_site(found).items()]
    enter_missing(connection, message, rows)
    connection.execute(update(subscription).where(S.id.in_(ids)).values(digest_at=now_ms))
    return len(rows)


def _changes(connection: Connection, ids: Sequence[int], now_ms: int) -> Sequence[Any]:
    """Find what is new to these subscriptions since their last digests."""
    level = func.coalesce(highest(), literal(int(Severity.CRITICAL)))
    columns = (S.id, S.subscriber_id, S.channel, W.site_id, W.gateway_id, N.watch_id)
    return connection.execute(
        select(*columns, func.max(N.id).label("notice_id"))
        .select_from(notices().join(subscription, is_wanted(level)))
        .where(
            S.id.in_(ids),
            N.created_at > func.coalesce(S.digest_at, S.confirmed_at),
            N.created_at > now_ms - _OLDEST_MS,
            T.superseded_at.is_(None),
            W.retired_at.is_(None),
            _is_for_digest(),
        )
        .group_by(*columns)
        .order_by(S.id, func.max(N.id))
    ).all()


def _is_for_digest() -> ColumnElement[bool]:
    """Be what was not told at once: because of the notice, the subscription, or too many."""
    left = exists(
        select(_M.id)
        .where(_M.notice_id == N.id, _M.subscriber_id == S.subscriber_id, _M.state == "digest")
        .correlate(alert_notice, subscription)
    )
    return or_(N.mode != IMMEDIATE, S.mode != IMMEDIATE, left)


_Key = tuple[int, str, str]


def _by_person_and_site(rows: Iterable[Row[Any]]) -> Mapping[_Key, list[Row[Any]]]:
    found: dict[_Key, list[Row[Any]]] = {}
    for row in rows:
        site = str(row.site_id) if row.site_id is not None else row.gateway_id
        found.setdefault((row.subscriber_id, row.channel, site), []).append(row)
    return found


def _message(key: _Key, rows: Sequence[Row[Any]], now_ms: int) -> dict[str, object]:
    person, channel, site = key
    notices = sorted({row.notice_id for row in rows})
    told = notices[-_MOST:]
    return {
        # By the subscription: others of the same person may come due at another hour of the day.
        "key": f"digest:{rows[0].id}:{channel}:{site}:{now_ms // _DAY_MS}",
        "subscription_id": rows[0].id,
        "subscriber_id": person,
        "channel": channel,
        "letter": {"digest": told, "unlisted": len(notices) - len(told)},
        "created_at": now_ms,
        "next_at": now_ms,
    }
