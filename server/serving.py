"""Serves an ASGI application: binds the port itself and runs uvicorn on a thread."""

import errno
import socket
import threading
from collections.abc import Callable

import structlog
import uvicorn
from starlette.types import ASGIApp

from server.errors import ServerError

HTTP_FAILED = "http_failed"
_START_TIMEOUT_S = 10.0
# How long answers under way may take when the server stops.
_GRACE_S = 1

log = structlog.get_logger(__name__)


class HttpError(ServerError):
    """The HTTP port cannot be listened on: choose another one, or stop what holds it."""


def bind(host: str, port: int) -> socket.socket:
    """Listen on a TCP port, 0 for any free one; raises HttpError naming port and remedy."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise HttpError(_explain(host, port, error)) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise HttpError(_explain(host, port, error)) from error
    return listener


def _explain(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"HTTP port {port} on {host} is in use by another program: stop that one, or choose "
            "another port with --http-port (0 takes any free one)"
        )
    if error.errno == errno.EACCES:
        return f"HTTP port {port} needs privileges: choose one above 1023 with --http-port"
    return (
        f"HTTP address {host}:{port} cannot be listened on: {error.strerror}; "
        "set http.host to an address of this machine"
    )


class _Server(uvicorn.Server):
    """Uvicorn's server, which tells when it has begun to serve or has given up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.decided = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.decided.set()


class HttpServer:
    """An application served on a listening socket, on a thread of its own.

    `on_death` is called, on that thread, when serving ends without being asked to.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket, on_death: Callable[[], None]) -> None:
        self._on_death = on_death
        self._listener = listener
        self.port = int(listener.getsockname()[1])
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Serve; returns once requests are answered. Raises HttpError when that does not happen."""
        self._thread.start()
        if not self._server.decided.wait(_START_TIMEOUT_S) or not self._server.started:
            raise HttpError("HTTP did not start: the log says why")

    def stop(self, timeout_s: float) -> None:
        """Stop accepting, let answers under way finish, and end the thread."""
        self._server.should_exit = True
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        except Exception:
            log.exception(HTTP_FAILED)
        finally:
            self._server.decided.set()
            if not self._server.should_exit:
                self._on_death()
