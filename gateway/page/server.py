"""The page over HTTP: a few routes on a thread of their own, for a phone on the same network."""

import socket
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from ipaddress import ip_address
from socketserver import TCPServer
from threading import BoundedSemaphore, Thread
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import structlog

from gateway.errors import BusError, StoreError
from gateway.page.desk import Desk
from gateway.page.pin import Door
from gateway.page.routes import GIVES, MAX_BODY_BYTES, TAKES
from wire.errors import ConfigError

PAGE_SERVED = "page_served"
PAGE_FAILED = "page_request_failed"

_REQUEST_TIMEOUT_S = 20.0
_IP_FREEBIND = 15  # linux/in.h
_MAX_DISCARDED_BYTES = 32_000_000
_MAX_AT_ONCE = 16
_STOP_LOOK_S = 0.2
_COOKIE = "saxaul-page"
# Sent by our own page only: a form or a picture on somebody else's page cannot set it.
_OWN_HEADER = "X-Saxaul"
_FILES: Mapping[str, tuple[str, str]] = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/scan.js": ("scan.js", "text/javascript; charset=utf-8"),
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_log = structlog.get_logger(__name__)


class _Pin(msgspec.Struct, frozen=True):
    pin: Annotated[str, msgspec.Meta(max_length=32)]


class _Refused(Exception):  # noqa: N818 - an answer, not a fault
    """What was asked cannot be done; told to the person."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class PageServer:
    """Serves a desk's page on one address until closed."""

    def __init__(self, host: str, port: int, desk: Desk, pin: str) -> None:
        """Take the address; raises BusError when it cannot be had."""
        door = Door(pin, time.monotonic)
        try:
            self._server = _Server((host, port), desk, door)
        except OSError as error:
            raise BusError(
                f"the page cannot listen on {host}:{port}: {error.strerror}; "
                "stop what has it, or correct page.listen in gateway.toml"
            ) from None
        self._thread = Thread(
            target=self._server.serve_forever, args=(_STOP_LOOK_S,), name="page", daemon=True
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()
        _log.info(PAGE_SERVED, port=self.port)

    def close(self) -> None:
        """Stop answering; requests under way are not waited for."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], desk: Desk, door: Door) -> None:
        self.desk = desk
        self.door = door
        self.places = BoundedSemaphore(_MAX_AT_ONCE)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Take the address also while its network is not up yet, and ask no name server for it."""
        if self.address_family == socket.AF_INET and hasattr(socket, "SOL_IP"):
            self.socket.setsockopt(socket.SOL_IP, _IP_FREEBIND, 1)
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a request in a thread of its own, unless too many are being answered."""
        if not self.places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a phone that goes out of reach is no fault."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _REQUEST_TIMEOUT_S
    server_version = "saxaul-gateway"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a file or with how things are."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Take what the technician enters."""
        self._answer(self._post)

    def log_message(self, *_: object) -> None:
        """Stay silent: a page that asks every two seconds would fill the log."""

    def _answer(self, work: Callable[[], None]) -> None:
        try:
            self._check_host()
            work()
        except _Refused as refused:
            self._tell(refused.status, {"error": str(refused)})
        except (ValueError, ConfigError, BusError, msgspec.MsgspecError) as error:
            self._tell(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": str(error)})
        except StoreError as error:
            self._tell(HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)})
        except OSError:  # the phone is out of reach
            self.close_connection = True
        except Exception:  # noqa: BLE001 - top of the request
            _log.exception(PAGE_FAILED, path=self.path)
            self._tell(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "a fault of ours; see the log"})

    def _get(self) -> None:
        asked = urlsplit(self.path)
        if asked.path in _FILES:
            name, kind = _FILES[asked.path]
            self._send(
                HTTPStatus.OK, kind, files("gateway.page").joinpath("static", name).read_bytes()
            )
        elif asked.path in GIVES:
            self._check_known()
            self._tell(HTTPStatus.OK, GIVES[asked.path](self.server.desk, asked.query))
        else:
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such page")

    def _post(self) -> None:
        if self.headers.get(_OWN_HEADER) != "1":
            raise _Refused(HTTPStatus.FORBIDDEN, "this was not sent by the gateway's own page")
        if self.path == "/api/pin":
            self._enter()
            return
        self._check_known()
        route = TAKES.get(self.path)
        if route is None:
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        self._tell(HTTPStatus.OK, route.work(self.server.desk, self._body(route.most_bytes)))

    def _enter(self) -> None:
        door = self.server.door
        token = door.enter(msgspec.json.decode(self._body(), type=_Pin).pin)
        if token is None:
            if (wait_s := door.wait_s()) > 0:
                raise _Refused(
                    HTTPStatus.TOO_MANY_REQUESTS, f"too many wrong PINs: wait {wait_s:.0f} s"
                )
            raise _Refused(HTTPStatus.FORBIDDEN, "wrong PIN")
        cookie = f"{_COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/"
        self._send(HTTPStatus.OK, "application/json", b"{}", {"Set-Cookie": cookie})

    def _check_known(self) -> None:
        try:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        token = cookies[_COOKIE].value if _COOKIE in cookies else ""
        if not self.server.door.knows(token):
            raise _Refused(HTTPStatus.UNAUTHORIZED, "the page asks for its PIN")

    def _check_host(self) -> None:
        """Answer to addresses and local names only: no other page can have us read by its name."""
        host = self.headers.get("Host", "").rpartition("@")[2]
        name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.split(":")[0]
        if name in {"localhost", socket.gethostname()} or name.endswith((".local", ".lan")):
            return
        try:
            ip_address(name)
        except ValueError:
            raise _Refused(
                HTTPStatus.MISDIRECTED_REQUEST, f"'{name}' is not a name of ours"
            ) from None

    def _body(self, most: int = MAX_BODY_BYTES) -> bytes:
        told = self.headers.get("Content-Length", "")
        if not told.isdecimal():
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "say how long it is")
        if int(told) > most:
            self._discard(int(told))
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"that is over {most // 1000:,} kB")
        body = self.rfile.read(int(told))
        if len(body) < int(told):
            raise _Refused(HTTPStatus.BAD_REQUEST, "it was cut short")
        return body

    def _discard(self, length: int) -> None:
        """Take in what is refused, up to a bound: who is cut off while sending hears no answer."""
        left = min(length, _MAX_DISCARDED_BYTES)
        while left > 0 and (part := self.rfile.read(min(left, MAX_BODY_BYTES))):
            left -= len(part)
        self.close_connection = True

    def _tell(self, status: HTTPStatus, answer: object) -> None:
        self._send(status, "application/json", msgspec.json.encode(answer))

    def _send(
        self, status: HTTPStatus, kind: str, body: bytes, more: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, **(more or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
