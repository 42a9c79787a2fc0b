"""Requests to addresses that strangers gave: to the public internet only, and not for long.

Else whoever subscribes could have this server knock at doors of its own network. A name is looked
up once, and what was looked at is what is connected to: a name may answer differently next time.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from server.notify.channels.port import UnsureError
from server.notify.channels.post import Reply

# Whoever answers by a byte now and then must not hold up the messages of all others.
_MOST_S = 10.0
_CONNECT_S = 4.0
_MOST_READ = 4096
_MOST_PLACES = 2  # of a name that leads to many, so many are tried
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address is within


class NotPublicError(Exception):
    """A name leads into a network that is not public."""


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to the public internet; raises ValueError for none."""
    found = _inner(ip_address(address.partition("%")[0]))
    return found.is_global and not found.is_multicast


def post_publicly(address: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    """Send a request by TLS; raises NotPublicError, OSError before it went out, UnsureError."""
    return ask(PublicLine(urlsplit(address).hostname or ""), address, body, headers)


def ask(
    line: http.client.HTTPConnection,
    address: str,
    body: bytes,
    headers: Mapping[str, str],
    most_s: float = _MOST_S,
) -> Reply:
    """Send a request by a line, which is closed; raises OSError, and UnsureError once it is out."""
    parts = urlsplit(address)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    try:
        with _ended_after(line, most_s):
            line.connect()
            return _exchange(line, target, body, headers)
    finally:
        line.close()


def _exchange(
    line: http.client.HTTPConnection, target: str, body: bytes, headers: Mapping[str, str]
) -> Reply:
    try:
        line.request("POST", target, body=body, headers=dict(headers))
        with line.getresponse() as response:
            text = response.read(_MOST_READ).decode("utf-8", "replace")
            rest = response.getheader("Retry-After", "")
            # A date is not worth the trouble.
            rest_s = float(rest) if rest.isascii() and rest.isdigit() else 0.0
            return Reply(response.status, text, rest_s)
    except (OSError, http.client.HTTPException) as error:
        raise UnsureError(f"no answer from {line.host}: {error}") from error


class PublicLine(http.client.HTTPSConnection):
    """A connection by TLS to an IP address that `allows` is content with."""

    def __init__(
        self, host: str, port: int = 443, allows: Callable[[str], bool] = is_public
    ) -> None:
        super().__init__(host, port, timeout=_MOST_S)
        self._allows = allows

    def connect(self) -> None:
        """Look the name up, connect to what was looked at, and greet."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        places = [str(one[4][0]) for one in found]
        if not all(self._allows(one) for one in places):
            raise NotPublicError(f"{self.host} is in a network that is not public")
        plain = _connected(places[:_MOST_PLACES], self.port)
        # Greeted afterwards, so that the time limit holds for the greeting as well.
        sock = ssl.create_default_context().wrap_socket(
            plain, server_hostname=self.host, do_handshake_on_connect=False
        )
        self.sock = sock
        sock.do_handshake()


def _connected(places: list[str], port: int) -> socket.socket:
    """Connect to the first that answers; raises OSError."""
    failed: OSError = OSError("its name leads nowhere")
    for place in places:
        try:
            found = socket.create_connection((place, port), _CONNECT_S)
        except OSError as error:
            failed = error
        else:
            found.settimeout(_MOST_S)
            return found
    raise failed


@contextmanager
def _ended_after(line: http.client.HTTPConnection, most_s: float) -> Iterator[None]:
    """Hang up when it takes too long: a time limit of the socket begins anew with each byte."""

    def hang_up() -> None:
        if line.sock is not None:
            with suppress(OSError):  # it is closed already
                # Not SSLSocket's own, which would take the encryption from under a reader.
                socket.socket.shutdown(line.sock, socket.SHUT_RDWR)

    timer = threading.Timer(most_s, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _inner(found: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Look through the ways in which IPv6 carries IPv4: RFC 4291, 2.5.5.2; RFC 3056; RFC 6052."""
    if isinstance(found, IPv4Address):
        return found
    if found in _NAT64:
        return IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour or found
