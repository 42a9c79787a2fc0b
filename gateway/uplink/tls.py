"""TLS whose session outlives the connection.

A resumed session needs no certificates, and those are most of what connecting costs.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import structlog

from gateway.uplink.meter import ATTEMPT, Traffic, measure
from wire.messages import CertificateInfo

# Where the broker's certificate ends within so long, it is looked at anew so often: it may have
# been renewed while a connection lasts, or goes on with an earlier session.
SOON_MS, LOOK_EVERY_MS = 32 * 86_400_000, 86_400_000

NOT_SEEN = "certificate_not_seen"

_log = structlog.get_logger(__name__)


class Now(NamedTuple):
    """An instant on the monotonic clock, and in ms, UTC."""

    mono_ms: int
    wall_ms: int


class ResumingContext(ssl.SSLContext):
    """A client's context that offers the broker the session of an earlier connection.

    A broker that does not know the session any more makes a full handshake of it.
    """

    kept: ssl.SSLSession | None = None
    attempted: ssl.SSLSocket | None = None

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,  # noqa: FBT001, FBT002 - likewise
        do_handshake_on_connect: bool = True,  # noqa: FBT001, FBT002 - likewise
        suppress_ragged_eofs: bool = True,  # noqa: FBT001, FBT002 - likewise
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """Wrap a socket, with the session that was kept unless another one is given."""
        self.attempted = super().wrap_socket(
            sock,
            server_side,
            do_handshake_on_connect,
            suppress_ragged_eofs,
            server_hostname,
            session or self.kept,
        )
        return self.attempted


class TlsMemory:
    """What is known of a broker's TLS between connections."""

    def __init__(self, ca_file: str) -> None:
        """`ca_file`: whom to trust; empty for the authorities that the system trusts."""
        self._ca_file = ca_file
        self._context: ResumingContext | None = None
        self._broker: Mapping[str, Any] = {}
        self._authorities: list[dict[str, Any]] = []
        self._next_look_ms = 0

    def context(self) -> ResumingContext:
        """Give the context for the next connection; raises OSError for certificates unread."""
        if self._context is None:
            context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
            if self._ca_file:
                context.load_verify_locations(self._ca_file)
                self._authorities = context.get_ca_certs()
            else:
                context.load_default_certs()
            self._context = context
        return self._context

    def take_attempted(self) -> ssl.SSLSocket | None:
        """Give the socket of the attempt just made, which a failed handshake leaves open."""
        if self._context is None:
            return None
        attempted, self._context.attempted = self._context.attempted, None
        return attempted

    def remember(self, sock: ssl.SSLSocket) -> None:
        """Keep the session of a connection that is about to end.

        With TLS 1.3 only once a ticket has come, after the handshake (RFC 8446, 4.6.1).
        """
        session = sock.session
        if session is not None and (session.has_ticket or sock.version() != "TLSv1.3"):
            self.context().kept = session

    def forget(self) -> None:
        """Begin anew, certificates included: what was kept did not work."""
        self._context = None

    def see(self, sock: ssl.SSLSocket) -> None:
        """Take the certificate that the broker shows; a resumed session has that of an earlier."""
        if not (sock.session_reused and self._broker):
            self._broker = sock.getpeercert() or self._broker

    def look(self, host: str, port: int, now: Now, timeout_s: float) -> Traffic:
        """See anew, at most once a day, what is about to end; tell what that has cost.

        That it cannot be seen now changes nothing.
        """
        ends = [one.ends for one in self.certificates()]
        if not ends or min(ends) - now.wall_ms > SOON_MS or now.mono_ms < self._next_look_ms:
            return Traffic(0, 0)
        is_first, self._next_look_ms = not self._next_look_ms, now.mono_ms + LOOK_EVERY_MS
        return Traffic(0, 0) if is_first else self._look(host, port, timeout_s)

    def _look(self, host: str, port: int, timeout_s: float) -> Traffic:
        spent = ATTEMPT
        try:
            with socket.create_connection((host, port), timeout_s) as plain:
                context = ssl.create_default_context(cafile=self._ca_file or None)
                with context.wrap_socket(plain, server_hostname=host) as secured:
                    self.see(secured)
                    self._authorities = context.get_ca_certs() if self._ca_file else []
                    spent = measure(secured) or ATTEMPT
        except OSError as error:
            _log.warning(NOT_SEEN, host=host, port=port, reason=str(error))
        return spent

    def certificates(self) -> list[CertificateInfo]:
        """Tell what the connection depends on, and when it ends; nothing before the first one."""
        return [*depended_on(self._broker, self._authorities)]


def depended_on(
    broker: Mapping[str, Any], authorities: Sequence[Mapping[str, Any]]
) -> Iterator[CertificateInfo]:
    """Tell when a broker's certificate ends, and that of the authority which issued it.

    Another authority of the file does not matter; of one that it names twice the earlier end does.
    They are as `ssl` gives them.
    """
    ends_ms = _ends_ms(broker)
    if ends_ms is None:
        return
    yield CertificateInfo(of="broker", ends=ends_ms)
    issuing = [one for one in authorities if one.get("subject") == broker.get("issuer")]
    ends = [one for one in map(_ends_ms, issuing or authorities) if one is not None]
    if ends:
        yield CertificateInfo(of="authority", ends=min(ends))


def _ends_ms(certificate: Mapping[str, Any]) -> int | None:
    """Read when a certificate ends, in ms, UTC."""
    told = certificate.get("notAfter")
    return ssl.cert_time_to_seconds(told) * 1000 if isinstance(told, str) else None
