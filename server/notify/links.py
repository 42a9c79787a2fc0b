"""Links by which people act without an account: signed with the subscriber's own secret.

A new secret voids all links of before; who is deleted has none.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import Connection, select

from server.db.notify_tables import subscriber, subscription
from server.words.facts import Links

# 96 bits: nobody guesses that by asking over the net.
_MAC_BYTES = 12


class Purpose(StrEnum):
    """What a link is good for; a letter, so that it is short in an SMS."""

    CONFIRM = "c"
    UNSUBSCRIBE = "u"
    PAUSE = "p"
    ACKNOWLEDGE = "a"
    SNOOZE = "s"
    MANAGE = "m"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a signed link lets do: for a subscription and, of some, about a watch (0: none)."""

    purpose: Purpose
    subscriber_id: int
    subscription_id: int
    watch_id: int = 0


_TOKEN = re.compile(r"([cupasm])(\d{1,10})-(\d{1,10})-(\d{1,10})\.([\w-]{16})", re.ASCII)


def token_of(grant: Grant, secret: str) -> str:
    """Write a grant as the last part of a link."""
    said = f"{grant.purpose}{grant.subscriber_id}-{grant.subscription_id}-{grant.watch_id}"
    return f"{said}.{_mac(said, secret)}"


def read_token(connection: Connection, token: str) -> Grant | None:
    """Read a link's last part back; None for one that nobody signed, or that no longer holds."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        return None
    purpose, person, wish, watch, mac = found.groups()
    # A subscription of another person has another secret: the pair must be there.
    secret = connection.execute(
        select(subscriber.c.secret)
        .join(subscription, subscription.c.subscriber_id == subscriber.c.id)
        .where(
            subscriber.c.id == int(person),
            subscription.c.id == int(wish),
            subscriber.c.deleted_at.is_(None),
        )
    ).scalar()
    said = token.rpartition(".")[0]
    if not secret or not hmac.compare_digest(mac, _mac(said, secret)):
        return None
    return Grant(Purpose(purpose), int(person), int(wish), int(watch))


def link(base_url: str, grant: Grant, secret: str) -> str:
    """Write the whole link; "" where nobody has said under which address we are reached."""
    return f"{base_url.rstrip('/')}/a/{token_of(grant, secret)}" if base_url else ""


def links_of(base_url: str, grant: Grant, secret: str) -> Links:
    """Give the links of a message; those about a watch only where there is just one."""
    if not base_url:
        return Links()

    def to(purpose: Purpose) -> str:
        about = grant.watch_id if purpose in (Purpose.ACKNOWLEDGE, Purpose.SNOOZE) else 0
        own = Grant(purpose, grant.subscriber_id, grant.subscription_id, about)
        return link(base_url, own, secret)

    about_one = bool(grant.watch_id)
    return Links(
        evidence=f"{base_url.rstrip('/')}/alerts/{grant.watch_id}" if about_one else "",
        acknowledge=to(Purpose.ACKNOWLEDGE) if about_one else "",
        snooze=to(Purpose.SNOOZE) if about_one else "",
        pause=to(Purpose.PAUSE),
        unsubscribe=to(Purpose.UNSUBSCRIBE),
    )


def _mac(said: str, secret: str) -> str:
    digest = hmac.digest(secret.encode(), said.encode(), sha256)
    return urlsafe_b64encode(digest[:_MAC_BYTES]).decode()
