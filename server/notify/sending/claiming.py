"""Claims the next message that may go, with all that go with it. Each claim is a transaction.

What is due is judged anew here, at the last moment: what is no longer true is withdrawn, what comes
in quiet hours or soon after the last of its group is put off, what is too much today is left to the
digest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, select, update

from server.alerts.condition import Severity
from server.db.notify_tables import message, subscriber, subscription
from server.notify.matching import N, P, S, T, W, notices
from server.notify.sending.grouping import (
    WINDOW_MS,
    Before,
    Go,
    LeaveToDigest,
    Manner,
    Verdict,
    Wait,
    decide,
)
from server.notify.sending.quiet_hours import Quiet, day_start_ms
from server.notify.sending.truth import Earlier, Told, was_told, why_not
from server.notify.snoozing import AGAIN
from server.watch.telling import Reason

# Candidates of one look; nearly always the first may go.
_CANDIDATES = 20
# One message says so many changes at most.
_TOGETHER = 100
# Messages of before that are looked at.
_BEFORE = 50
# What was sent, or may have been.
WENT_OUT = ("sent", "unsure", "claimed")

_M = message.c


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is ours to send: nobody else will, whatever becomes of us.

    `ids` are all messages that it carries, its own first; `turn` as of its subscription.
    """

    ids: tuple[int, ...]
    key: str
    channel: str
    subscription_id: int
    subscriber_id: int
    address: str
    language: str
    secret: str
    turn: int
    attempts: int
    created_ms: int
    letter: dict[str, Any] | None


def is_due(connection: Connection, channel: str, now_ms: int) -> bool:
    """Tell whether something waits to be sent now; reads only."""
    due = select(_M.id).where(_is_due(channel, now_ms))
    return bool(connection.execute(select(exists(due))).scalar())


def claim(connection: Connection, channel: str, by: str, now_ms: int) -> Claim | None:
    """Claim the next message in the caller's transaction; None when nothing more may go now."""
    while True:
        rows = connection.execute(_candidates(channel, now_ms)).all()
        for row in rows:
            claimed = _take(connection, row, by, now_ms)
            if claimed is not None:
                return claimed
        if len(rows) < _CANDIDATES:
            return None


def _is_due(channel: str, now_ms: int) -> Any:
    return (_M.state == "queued") & (_M.channel == channel) & (_M.next_at <= now_ms)


def _candidates(channel: str, now_ms: int) -> Select[Any]:
    """Look for what is due; the locks keep others from the same message and person.

    The limit of a day is a person's, over all channels: their senders decide one after the other.
    """
    columns = (
        *(_M.id, _M.key, _M.group_key, _M.attempts, _M.created_at, _M.letter, _M.notice_id),
        *(S.id.label("wish"), S.address, S.turn, S.confirmed_at, S.ended_at, S.bounced_at),
        *(P.id.label("person"), P.language, P.time_zone, P.quiet_from, P.quiet_until),
        *(P.wake_for_critical, P.limit_per_day, P.paused_until, P.secret, P.deleted_at),
        _M.channel,
    )
    return (
        select(*columns)
        .join(subscription, S.id == _M.subscription_id)
        .join(subscriber, P.id == _M.subscriber_id)
        .where(_is_due(channel, now_ms))
        .order_by(_M.next_at, _M.id)
        .limit(_CANDIDATES)
        .with_for_update(skip_locked=True, key_share=True, of=[message, subscription, subscriber])
    )


def _take(connection: Connection, row: Row[Any], by: str, now_ms: int) -> Claim | None:
    """Claim a candidate, or put it where it belongs."""
    if (why := _refusal(row, now_ms)) != "":
        _withdraw(connection, [row.id], why)
        return None
    if row.notice_id is None:  # a letter or a digest waits for nobody
        return _claimed(connection, row, [row.id], by, now_ms)
    true, level = _still_true(connection, row, now_ms)
    if row.id not in true:
        return None
    verdict = decide(now_ms, level, _manner(row), _before(connection, row, now_ms))
    if isinstance(verdict, Go):
        return _claimed(
            connection, row, [row.id, *(one for one in true if one != row.id)], by, now_ms
        )
    _put_off(connection, true, verdict)
    return None


def _refusal(row: Row[Any], now_ms: int) -> str:
    """Say why a person is sent nothing; letters answer what they asked for."""
    if row.deleted_at is not None or row.bounced_at is not None:
        return "the address takes no messages" if row.bounced_at is not None else "deleted"
    is_answer = row.letter is not None and "letter" in row.letter
    if is_answer:
        return ""
    if row.ended_at is not None or row.confirmed_at is None:
        return "the subscription has ended"
    if row.paused_until is not None and row.paused_until > now_ms:
        return "messages are paused"
    return ""


def _still_true(connection: Connection, row: Row[Any], now_ms: int) -> tuple[list[int], int]:
    """Find what goes together with a message, itself included, and how bad it is.

    What is no longer true is withdrawn.
    """
    ids, level = [], int(Severity.NORMAL)
    found = connection.execute(_together(row)).all()
    for one in found:
        why = why_not(_told(connection, row, one, now_ms))
        if why:
            _withdraw(connection, [one.id], why)
        else:
            ids.append(int(one.id))
            level = max(level, one.level_to, one.level_from)
    return ids, level


def _together(row: Row[Any]) -> Select[Any]:
    """Ask for the messages of a group that wait, and how their watches stand.

    The message itself comes first, however many there are: it must be decided on. Then the oldest.
    """
    return (
        select(
            *(_M.id, _M.key, N.watch_id, N.reason, T.level_from, T.level_to, T.superseded_at),
            *(W.level, W.retired_at, W.shelved_until, W.acked_at),
        )
        .select_from(notices().join(message, _M.notice_id == N.id))
        .where(
            _M.subscription_id == row.wish,
            _M.group_key == row.group_key,
            _M.state == "queued",
        )
        .order_by(_M.id != row.id, _M.id)
        .limit(_TOGETHER)
        .with_for_update(of=message, key_share=True)
    )


def _told(connection: Connection, row: Row[Any], one: Row[Any], now_ms: int) -> Told:
    is_better = (one.level_to or 0) < (one.level_from or 0)
    return Told(
        level_from=one.level_from or 0,
        level_to=one.level_to or 0,
        level_now=one.level,
        is_superseded=one.superseded_at is not None,
        is_retired=one.retired_at is not None,
        is_shelved=one.shelved_until is not None and one.shelved_until > now_ms,
        is_acked=one.acked_at is not None,
        is_again=one.reason == Reason.REMINDER.value or one.key.startswith(AGAIN),
        is_told=_was_told(connection, row, one) if is_better else None,
    )


def _was_told(connection: Connection, row: Row[Any], one: Row[Any]) -> bool | None:
    """Tell whether a person heard that it had begun; what the next digest tells counts."""
    rows = connection.execute(
        select(_M.state, T.level_to)
        .select_from(notices().join(message, _M.notice_id == N.id))
        .where(_M.subscription_id == row.wish, N.watch_id == one.watch_id, _M.id < one.id)
        .order_by(_M.id.desc())
        .limit(_BEFORE)
    )
    earlier = [Earlier(level_to or 0, state in (*WENT_OUT, "digest")) for state, level_to in rows]
    return was_told(one.level_to or 0, earlier)


def _before(connection: Connection, row: Row[Any], now_ms: int) -> Before:
    """Find what a person was sent: the last of the group, and how many messages today."""
    went = _M.state.in_(WENT_OUT)
    group_ms = connection.execute(
        select(func.max(_M.claimed_at)).where(
            _M.subscription_id == row.wish,
            _M.group_key == row.group_key,
            _M.claimed_at > now_ms - WINDOW_MS,
            went,
        )
    ).scalar()
    today = connection.execute(
        select(func.count()).where(
            _M.subscriber_id == row.person,
            _M.claimed_at >= day_start_ms(now_ms, row.time_zone),
            _M.notice_id.is_not(None),
            _M.carried_by.is_(None),
            went,
        )
    ).scalar_one()
    return Before(group_ms, today)


def _manner(row: Row[Any]) -> Manner:
    has_quiet = row.quiet_from is not None and row.quiet_until is not None
    quiet = Quiet(row.quiet_from, row.quiet_until) if has_quiet else None
    return Manner(row.time_zone, quiet, row.wake_for_critical, row.limit_per_day)


def _put_off(connection: Connection, ids: Sequence[int], verdict: Verdict) -> None:
    values: dict[str, object] = {}
    if isinstance(verdict, Wait):
        values = {"next_at": verdict.until_ms}
    elif isinstance(verdict, LeaveToDigest):
        values = {"state": "digest", "error": "the limit of a day is reached"}
    connection.execute(update(message).where(_M.id.in_(ids)).values(values))


def _withdraw(connection: Connection, ids: Sequence[int], why: str) -> None:
    values = {"state": "withdrawn", "error": why}
    connection.execute(update(message).where(_M.id.in_(ids)).values(values))


def _claimed(
    connection: Connection, row: Row[Any], ids: Sequence[int], by: str, now_ms: int
) -> Claim:
    first, *others = ids
    values = {"state": "claimed", "claimed_at": now_ms, "claimed_by": by}
    connection.execute(update(message).where(_M.id == first).values({**values, "carried_by": None}))
    if others:
        carried = {**values, "carried_by": first}
        connection.execute(update(message).where(_M.id.in_(others)).values(carried))
    return Claim(
        ids=tuple(ids),
        key=row.key,
        channel=row.channel,
        subscription_id=row.wish,
        subscriber_id=row.person,
        address=row.address,
        language=row.language,
        secret=row.secret,
        turn=row.turn,
        attempts=row.attempts,
        created_ms=row.created_at,
        letter=row.letter,
    )
