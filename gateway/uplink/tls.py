"""TLS whose session outlives the connection.

A resumed session needs no certificates, and those are most of what connecting costs.
"""

import socket
import ssl


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

    def context(self) -> ResumingContext:
        """Give the context for the next connection; raises OSError for certificates unread."""
        if self._context is None:
            context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
            if self._ca_file:
                context.load_verify_locations(self._ca_file)
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
