"""Makes of each notice one message a subscriber and channel, in one statement for any number."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Text,
    and_,
    cast,
    exists,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from server.db.alert_tables import alert_notice
from server.db.engine import writing
from server.db.instant import Instant
from server.db.notify_tables import message, subscriber, subscription
from server.notify.matching import (
    IMMEDIATE,
    N,
    P,
    S,
    T,
    W,
    group_key,
    highest,
    is_down,
    is_open,
    is_wanted,
    notices,
)
from server.watch.telling import Mode

# A turn that comes after another waits so long for somebody to acknowledge.
TURN_MS = 2 * 3_600_000
# What nobody has acknowledged for longer is nobody's surprise any more.
_LONGEST_MS = 2 * 86_400_000
# Of one transaction, so that a flood of notices holds nobody up for long.
_NOTICES = 200

# Of one watch so many changes a day are told at once; a delay and a deadband keep it far below.
MOST_A_DAY = 24
_DAY_MS = 86_400_000

LEFT_TO_DIGEST = "notices_left_to_digest"

_M = message.c

log = structlog.get_logger(__name__)


def has_new(connection: Connection) -> bool:
    """Tell whether a notice waits to be expanded; reads only."""
    return bool(connection.execute(select(exists().where(N.expanded_at.is_(None)))).scalar())


def expand(engine: Engine, now_ms: int) -> int:
    """Make messages of the notices that are new; gives how many messages that were.

    Several programs may do it at once: each takes other notices.
    """
    with writing(engine) as connection:
        found = connection.execute(
            select(N.id, N.mode, N.watch_id)
            .where(N.expanded_at.is_(None))
            .order_by(N.id)
            .limit(_NOTICES)
            .with_for_update(skip_locked=True)
        ).all()
        if not found:
            return 0
        too_much = _leave_to_digest(connection, found, now_ms)
        urgent = [row.id for row in found if row.mode == IMMEDIATE and row.id not in too_much]
        made = _insert(connection, _is_first_turn(urgent), now_ms) if urgent else 0
        ids = [row.id for row in found]
        connection.execute(update(alert_notice).where(N.id.in_(ids)).values(expanded_at=now_ms))
    return made


def _leave_to_digest(connection: Connection, found: Sequence[Any], now_ms: int) -> set[int]:
    """Leave to the digest what a watch has to say beyond its share of a day; gives those notices.

    A gateway whose readings jump about, or lie, makes no more messages than that.
    """
    watches = {row.watch_id for row in found if row.mode == IMMEDIATE}
    told = Counter(
        connection.execute(
            select(N.watch_id).where(
                N.watch_id.in_(watches),
                N.mode == IMMEDIATE,
                N.expanded_at > now_ms - _DAY_MS,
            )
        ).scalars()
    )
    too_much = set()
    for row in found:
        told[row.watch_id] += row.mode == IMMEDIATE
        if row.mode == IMMEDIATE and told[row.watch_id] > MOST_A_DAY:
            too_much.add(row.id)
    if too_much:
        connection.execute(
            update(alert_notice).where(N.id.in_(too_much)).values(mode=Mode.DIGEST.value)
        )
        held = sorted({row.watch_id for row in found if row.id in too_much})
        log.warning(LEFT_TO_DIGEST, notices=len(too_much), watches=held)
    return too_much


def escalate(engine: Engine, now_ms: int) -> int:
    """Tell the next in turn of what nobody has acknowledged; gives how many messages that were."""
    condition = _is_later_turn(now_ms)
    with engine.connect() as connection:
        due = select(exists(_matching(condition, now_ms).where(~_is_told())))
        if not connection.execute(due).scalar():
            return 0
    with writing(engine) as connection:
        return _insert(connection, condition, now_ms)


def _is_first_turn(notice_ids: list[int]) -> ColumnElement[bool]:
    """Be of these notices, and for who is told at once, or was told before that it is bad."""
    return and_(N.id.in_(notice_ids), or_(S.turn == 0, and_(is_down(), _was_told())))


def _was_told() -> ColumnElement[bool]:
    """Be a subscription to which something of the same watch has been sent."""
    before = message.alias("before")
    about = alert_notice.alias("about")
    return exists(
        select(before.c.id)
        .join(about, about.c.id == before.c.notice_id)
        .where(
            before.c.subscription_id == S.id,
            about.c.watch_id == W.id,
            before.c.state.in_(["sent", "unsure", "claimed"]),
        )
        .correlate(subscription, W.id.table)
    )


def _is_told() -> ColumnElement[bool]:
    """Be told of the notice already."""
    return exists(
        select(_M.id)
        .where(_M.notice_id == N.id, _M.subscriber_id == P.id, _M.channel == S.channel)
        .correlate(alert_notice, subscriber, subscription)
    )


def _is_later_turn(now_ms: int) -> ColumnElement[bool]:
    """Be for one whose turn has come, about what still is as it was told and in nobody's hand."""
    turns = [
        and_(S.turn == turn, N.created_at <= now_ms - turn * TURN_MS)
        for turn in range(1, _LONGEST_MS // TURN_MS)
    ]
    return and_(
        or_(*turns),
        N.mode == IMMEDIATE,
        N.created_at >= now_ms - _LONGEST_MS,
        T.level_to > T.level_from,
        T.superseded_at.is_(None),
        W.level >= T.level_to,
        W.retired_at.is_(None),
        W.acked_at.is_(None),
        W.silent_since.is_(None),
        W.suppressed_by.is_(None),
        or_(W.shelved_until.is_(None), W.shelved_until <= now_ms),
    )


def _matching(condition: ColumnElement[bool], now_ms: int) -> Select[Any]:
    tables = (
        notices().join(subscription, is_wanted(highest())).join(subscriber, P.id == S.subscriber_id)
    )
    return (
        select(*_columns(now_ms))
        .select_from(tables)
        .where(condition, S.mode == IMMEDIATE, is_open(now_ms))
        .order_by(N.id, S.turn, S.id)
    )


def _columns(now_ms: int) -> list[Any]:
    colon = literal(":")
    key = cast(N.id, Text) + colon + cast(P.id, Text) + colon + S.channel
    now = literal(now_ms, Instant)
    return [key, S.id, P.id, S.channel, N.id, group_key(), now, now]


_NAMES = (
    *("key", "subscription_id", "subscriber_id", "channel"),
    *("notice_id", "group_key", "created_at", "next_at"),
)


def _insert(connection: Connection, condition: ColumnElement[bool], now_ms: int) -> int:
    """Queue what fits, except what is queued already."""
    query = _matching(condition, now_ms)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(message).from_select(_NAMES, query).on_conflict_do_nothing()
    counted = {"preserve_rowcount": True}
    return connection.execute(statement, execution_options=counted).rowcount
