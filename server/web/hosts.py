"""Lets only those in who call the server by a name of this machine.

A page from elsewhere may have its own name resolve to 127.0.0.1 (DNS rebinding); the browser then
lets it read what this server answers. Its requests still carry that name as Host.
"""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from server.api.problems import Problem, respond
from server.settings import is_loopback


class LoopbackHosts:
    """ASGI middleware that refuses requests for any host but a loopback name or address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is meant for this machine."""
        host = Headers(scope=scope).get("host") if scope["type"] == "http" else None
        if host is None or is_loopback(_without_port(host)):  # HTTP/1.0 names no host
            await self._app(scope, receive, send)
            return
        status = HTTPStatus.MISDIRECTED_REQUEST  # RFC 9110, 15.5.20
        detail = (
            f"This server listens on loopback and is not '{host[:100]}': open it as 127.0.0.1 or "
            "localhost, or start it with --insecure-listen in a network you trust."
        )
        problem = Problem(title=status.phrase, status=status, detail=detail)
        await respond(problem)(scope, receive, send)


def _without_port(host: str) -> str:
    """Read `name:port`, `address:port` and `[address]:port`, as RFC 3986, 3.2.2, writes them."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower().rstrip(".")
