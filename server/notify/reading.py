"""What a person may see of what we know of them; addresses are masked: links get forwarded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from server.db.notify_tables import subscriber, subscription
from server.db.tables import site
from server.notify.channels.offer import masked
from server.notify.links import Grant
from server.notify.matching import P, S


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription as its owner may see it; the address is masked. Instants in ms UTC.

    `bounce` says why the address takes no messages; "" while it does.
    """

    id: int
    channel: str
    masked: str
    site: str
    kind: str | None
    min_level: int
    mode: str
    turn: int
    confirmed_ms: int | None
    ended_ms: int | None
    bounce: str


@dataclass(frozen=True, slots=True)
class Person:
    """A subscriber with all subscriptions, as a signed link shows it."""

    id: int
    name: str
    language: str
    time_zone: str
    paused_until_ms: int | None
    wishes: Sequence[Held]


def read_person(connection: Connection, subscriber_id: int) -> Person | None:
    """Read what a person may see of what we know; None when there is nobody, or no more."""
    who = connection.execute(
        select(subscriber).where(P.id == subscriber_id, P.deleted_at.is_(None))
    ).first()
    if who is None:
        return None
    rows = connection.execute(
        select(subscription, site.c.name.label("site_name"))
        .outerjoin(site, site.c.id == S.site_id)
        .where(S.subscriber_id == subscriber_id)
        .order_by(S.id)
    )
    wishes = [_held(row) for row in rows]
    return Person(who.id, who.name, who.language, who.time_zone, who.paused_until, wishes)


def read_wish(connection: Connection, grant: Grant) -> Held | None:
    """Read the subscription that a link is about; None when it is gone."""
    person = read_person(connection, grant.subscriber_id)
    wishes = person.wishes if person is not None else ()
    return next((one for one in wishes if one.id == grant.subscription_id), None)


def _held(row: Row[Any]) -> Held:
    return Held(
        id=row.id,
        channel=row.channel,
        masked=masked(row.channel, row.address),
        site=row.site_name or "",
        kind=row.kind,
        min_level=row.min_level,
        mode=row.mode,
        turn=row.turn,
        confirmed_ms=row.confirmed_at,
        ended_ms=row.ended_at,
        bounce=row.bounce if row.bounced_at is not None else "",  # else it is but a remark
    )
