"""By what a mail that comes back is known: its number, signed with its reader's own secret.

It stands where mail servers give it back: in the address that bounces go to (RFC 5321, 4.4), in the
envelope's number (RFC 3461, 4.4) and in Message-ID. Who forges a report without it moves nothing,
and who was written to can do no more with it than by the link that ends messages.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, func, select

from server.db.notify_tables import message, subscriber, subscription
from server.notify.links import Grant, Purpose
from server.notify.matching import P, S

# 80 bits, written so that it outlives servers that do not keep capitals apart.
_MAC_LETTERS = 20
_TOKEN = re.compile(rf"(?<![0-9a-z])(\d{{1,18}})-([0-9a-f]{{{_MAC_LETTERS}}})(?![0-9a-z])")
# Mail servers try for five days (RFC 5321, 4.5.4.1); some hold what comes back as long.
HOLDS_MS = 14 * 86_400_000
# Of one report so many are tried.
_MOST = 8

_M = message.c


@dataclass(frozen=True, slots=True)
class Written:
    """The mail that came back: the number of its message, and whom it was for."""

    message_id: int
    grant: Grant
    address: str


def token_of(message_id: int, secret: str) -> str:
    """Sign a message's number; small letters, digits and a hyphen."""
    return f"{message_id}-{_mac(message_id, secret)}"


def find_tokens(texts: Iterable[str]) -> tuple[str, ...]:
    """Find what looks like a token, each once, in order."""
    found = (match[0] for text in texts for match in _TOKEN.finditer(text.lower()))
    return tuple(dict.fromkeys(found))[:_MOST]


def read_tokens(connection: Connection, tokens: Iterable[str], now_ms: int) -> Written | None:
    """Find the mail that one of these stands for; None where none is signed by us and recent."""
    return next((one for token in tokens if (one := _read(connection, token, now_ms))), None)


def _read(connection: Connection, token: str, now_ms: int) -> Written | None:
    number, _, mac = token.partition("-")
    row = connection.execute(
        select(P.secret, P.id.label("person"), S.id.label("wish"), S.address)
        .select_from(message)
        .join(subscription, S.id == _M.subscription_id)
        .join(subscriber, P.id == _M.subscriber_id)
        .where(
            _M.id == int(number),
            _M.channel == "email",
            func.coalesce(_M.claimed_at, _M.created_at) >= now_ms - HOLDS_MS,
            P.deleted_at.is_(None),
        )
    ).first()
    if row is None or not hmac.compare_digest(mac, _mac(int(number), row.secret)):
        return None
    return Written(int(number), Grant(Purpose.UNSUBSCRIBE, row.person, row.wish), row.address)


def _mac(message_id: int, secret: str) -> str:
    digest = hmac.digest(secret.encode(), f"bounce {message_id}".encode(), sha256)
    return digest.hex()[:_MAC_LETTERS]
