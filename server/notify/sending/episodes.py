"""Which mails a mail goes on from: mailboxes show what became of a warning below the warning."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, func, select

from server.db.notify_tables import message
from server.notify.matching import N, T, notices
from server.notify.sending.claiming import Claim

# RFC 5322, 3.6.4, names all before; the first and the newest ones are enough to find the thread.
_MOST = 10
_LOOKED_AT = 200
_WENT_OUT = ("sent", "unsure")

_M = message.c


def earlier_messages(
    connection: Connection, claim: Claim, watches: Collection[int]
) -> tuple[int, ...]:
    """List the messages of the same episodes that the same subscription was sent, oldest first."""
    if not watches:
        return ()
    rows = connection.execute(
        select(func.coalesce(_M.carried_by, _M.id).label("id"), N.watch_id, T.level_to)
        .select_from(notices().join(message, _M.notice_id == N.id))
        .where(
            _M.subscription_id == claim.subscription_id,
            N.watch_id.in_(sorted(watches)),
            _M.id < min(claim.ids),
            _M.state.in_(_WENT_OUT),
        )
        .order_by(_M.id.desc())
        .limit(_LOOKED_AT)
    )
    found = sorted(_of_these_episodes(rows))
    return tuple(found if len(found) <= _MOST else [found[0], *found[1 - _MOST :]])


def _of_these_episodes(newest_first: Iterable[Any]) -> set[int]:
    """Leave out what was told of a watch up to its last end: that is a story of its own."""
    found: set[int] = set()
    ended: set[int] = set()
    for row in newest_first:
        if row.watch_id in ended:
            continue
        if row.level_to == 0:
            ended.add(row.watch_id)
            continue
        found.add(row.id)
    return found
