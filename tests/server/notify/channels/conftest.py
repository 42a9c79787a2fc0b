"""A web server on loopback that answers as it is told and keeps what it was asked."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.server.notify.channels.phone import Phone


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Other:
    """The other side: `status`, `text` and `headers` are what it answers; `hangs_up`: nothing."""

    address: str
    status: int = 200
    text: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    hangs_up: bool = False
    asked: list[Asked] = field(default_factory=list)


@pytest.fixture
def other() -> Iterator[Other]:
    """Somebody's web server."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.asked.append(Asked("POST", self.path, dict(self.headers), body))
            if told.hangs_up:
                self.connection.close()
                return
            self.send_response(told.status)
            for key, value in told.headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(told.text.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Other(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def phone() -> Phone:
    """Somebody's browser."""
    return Phone(ec.generate_private_key(ec.SECP256R1()))
