"""Being told again in a day: a person's own choice, by which nobody else hears less."""

from typing import Any

from sqlalchemy import Connection, insert, select

from server.db.alert_tables import alert_notice
from server.db.notify_tables import message
from server.notify.links import Grant
from server.notify.matching import N

# What a message's key begins with that says the same again.
AGAIN = "again:"
_DAY_MS = 86_400_000

_M = message.c


def snooze(connection: Connection, grant: Grant, now_ms: int) -> bool:
    """Remind a person of a watch in a day, if it still holds then; False when nothing was told."""
    about = _last_about(connection, grant)
    if about is None:
        return False
    key = f"{AGAIN}{about.notice_id}:{grant.subscriber_id}:{about.channel}"
    again = connection.execute(select(_M.id, _M.state).where(_M.key == key)).first()
    if again is not None and again.state == "queued":
        return True
    if again is not None:
        key = f"{key}:{now_ms}"
    connection.execute(
        insert(message).values(
            key=key,
            subscription_id=grant.subscription_id,
            subscriber_id=grant.subscriber_id,
            channel=about.channel,
            notice_id=about.notice_id,
            group_key=f"{AGAIN}{about.group_key}",
            created_at=now_ms + _DAY_MS,
            next_at=now_ms + _DAY_MS,
        )
    )
    return True


def _last_about(connection: Connection, grant: Grant) -> Any:
    """Find the last message of a subscription about a watch."""
    return connection.execute(
        select(_M.notice_id, _M.channel, _M.group_key)
        .join(alert_notice, N.id == _M.notice_id)
        .where(
            _M.subscription_id == grant.subscription_id,
            N.watch_id == grant.watch_id,
            _M.key.not_like(f"{AGAIN}%"),
        )
        .order_by(_M.id.desc())
        .limit(1)
    ).first()
