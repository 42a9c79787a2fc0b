"""A browser's subscription, as its push manager writes it (W3C Push API, toJSON)."""

import json
import re
from binascii import Error as Base64Error
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from server.notify.channels.post import require_sound
from server.notify.channels.web_push.encryption import AUTH_BYTES, read_point
from server.notify.channels.web_push.public import is_public
from server.notify.channels.web_push.vapid import from_text, to_text
from wire.errors import ConfigError

MOST_LETTERS = 4096
# RFC 1123, 2.1; all names in the public internet have two labels at least.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_NOT_PUBLIC = (".localhost", ".local", ".internal")
_WHAT = "the subscription of this browser"
_AGAIN = "ask for it anew on the page of warnings, on the device that is to be told"


class _Keys(msgspec.Struct, frozen=True):
    p256dh: Annotated[str, Meta(max_length=100)]
    auth: Annotated[str, Meta(max_length=40)]


class _Said(msgspec.Struct, frozen=True):
    """What the browser says; what else it says is no concern of ours."""

    endpoint: Annotated[str, Meta(max_length=2000)]
    keys: _Keys


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a browser's messages are left, its public key, and the secret it shares with us."""

    endpoint: str
    point: bytes
    auth: bytes

    @property
    def host(self) -> str:
        """Name the push service."""
        return urlsplit(self.endpoint).hostname or ""

    def to_json(self) -> str:
        """Write it as it is kept: the same browser always gives the same text."""
        keys = {"auth": to_text(self.auth), "p256dh": to_text(self.point)}
        return json.dumps({"endpoint": self.endpoint, "keys": keys}, separators=(",", ":"))


def read_browser(text: str, own_hosts: Collection[str] = ()) -> Browser:
    """Read a subscription; raises ConfigError with the remedy.

    Push services are in the public internet, except those of `own_hosts`, in a network of our own.
    """
    if len(text) > MOST_LETTERS:
        raise ConfigError(_WHAT, f"is longer than {MOST_LETTERS} letters; {_AGAIN}")
    try:
        said = msgspec.json.decode(text, type=_Said)
        point, auth = from_text(said.keys.p256dh), from_text(said.keys.auth)
        read_point(point)
    except (msgspec.MsgspecError, Base64Error, ValueError) as error:
        raise ConfigError(_WHAT, f"is not what browsers write ({error}); {_AGAIN}") from error
    if len(auth) != AUTH_BYTES:
        raise ConfigError(_WHAT, f"has a secret of {len(auth)} bytes, not {AUTH_BYTES}; {_AGAIN}")
    _require_endpoint(said.endpoint, own_hosts)
    return Browser(said.endpoint, point, auth)


def _require_endpoint(endpoint: str, own_hosts: Collection[str]) -> None:
    """Refuse what leads elsewhere than to a push service; raises ConfigError."""
    require_sound(endpoint, _WHAT)
    if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        raise ConfigError(
            _WHAT, f"has an address with letters that addresses do not have; {_AGAIN}"
        )
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    if host in own_hosts:
        return
    is_plain = parts.scheme == "https" and parts.port in (None, 443) and "@" not in parts.netloc
    if not is_plain or not _may_be_public(host):
        raise ConfigError(
            _WHAT,
            f"leads to {parts.netloc or 'nowhere'}, not to a push service in the public internet; "
            f"{_AGAIN}, or let whoever runs this server name it in notify.push_hosts",
        )


def _may_be_public(host: str) -> bool:
    """Tell by the name alone; what a name leads to is looked at each time a message is sent."""
    try:
        return is_public(host)
    except ValueError:
        return bool(_NAME.fullmatch(host)) and not host.endswith(_NOT_PUBLIC)
