"""HTTP requests of channels: bounded in time and size, never redirected, TLS checked."""

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from server.notify.channels.port import Answer, Later, Never, Sent, UnsureError
from server.settings import is_loopback
from wire.errors import ConfigError

_TIMEOUT_S = 20.0
_MOST_READ = 64 * 1024
_SAID = 200  # letters of an answer that are kept
# RFC 9110: what may be taken another time.
_TRY_AGAIN = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Reply:
    """What the other side said: status, the beginning of its text, how long it wants to rest."""

    status: int
    text: str
    after_s: float = 0.0


def require_sound(address: str, source: str) -> str:
    """Give the address back if it can be posted to; raises ConfigError with the remedy.

    Readings and telephone numbers do not travel unencrypted but on this machine.
    """
    try:
        parts = urlsplit(address)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        raise ConfigError(source, f"'{address}' is no web address; write https://…") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or not port_is_sound:
        raise ConfigError(source, f"'{address}' is no web address; write https://…")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigError(source, f"'{address}' is not encrypted; write https:// in its place")
    return address


def post(address: str, body: bytes, headers: Mapping[str, str], method: str = "POST") -> Reply:
    """Send a request; raises OSError before anything has gone out, UnsureError after it has.

    The address has gone through `require_sound`.
    """
    parts = urlsplit(address)
    line = _connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        line.connect()
        try:
            target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            line.request(method, target, body=body, headers=dict(headers))
            with line.getresponse() as response:
                text = response.read(_MOST_READ).decode("utf-8", "replace")
                return Reply(response.status, text, _rest_s(response.getheader("Retry-After")))
        except (OSError, http.client.HTTPException) as error:
            raise UnsureError(f"no answer from {parts.hostname}: {error}") from error
    finally:
        line.close()


def answer_of(reply: Reply) -> Answer:
    """Say what a status means to the sender."""
    said = f"answered {reply.status}: {' '.join(reply.text.split())[:_SAID]}".rstrip(": ")
    if 200 <= reply.status < 300:
        return Sent()
    if reply.status in (404, 410):
        return Never(said, is_address=True)
    if reply.status in _TRY_AGAIN or reply.status >= 500:
        return Later(said, reply.after_s)
    return Never(said)


def unreachable(host: str, error: OSError) -> Later:
    """Say that nobody was there."""
    return Later(f"{host} cannot be reached: {error.strerror or error}")


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context)


def _rest_s(header: str | None) -> float:
    """Read Retry-After in seconds; a date is not worth the trouble."""
    return float(header) if header and header.isascii() and header.isdigit() else 0.0
