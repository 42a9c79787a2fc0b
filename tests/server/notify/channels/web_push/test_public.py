"""Requests to addresses of strangers: where they may lead, and for how long they may take."""

import http.client
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from server.notify.channels.port import UnsureError
from server.notify.channels.web_push.public import (
    NotPublicError,
    PublicLine,
    ask,
    is_public,
    post_publicly,
)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700:4700::1111", True),
        ("64:ff9b::101:101", True),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.251", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_which_addresses_are_public(address, public):
    assert is_public(address) is public


def test_a_name_that_leads_to_this_machine_is_not_connected_to():
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(0)
        with pytest.raises(NotPublicError, match="not public"):
            PublicLine("localhost", door.getsockname()[1]).connect()
        with pytest.raises(BlockingIOError):
            door.accept()


def test_an_address_written_as_one_number_is_looked_up_like_any_name():
    with pytest.raises(NotPublicError):
        post_publicly("https://0x7f.1/x", b"", {})


def test_it_speaks_tls_and_knows_whom_it_speaks_to(tls_server, monkeypatch):
    address, ca_file = tls_server
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))

    reply = ask(_line(address), f"https://localhost{address}", b"body", {})

    assert (reply.status, reply.text) == (201, "body")


def test_whoever_cannot_prove_who_he_is_gets_nothing(tls_server):
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(_line(tls_server[0]), "https://localhost/x", b"body", {})


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for():
    """Each byte would begin the time limit of a socket anew."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        line = http.client.HTTPConnection(*door.getsockname(), timeout=20)
        dripping = threading.Thread(target=_drip, args=(door,), daemon=True)
        dripping.start()
        begun = time.monotonic()
        with pytest.raises(UnsureError):
            ask(line, "http://127.0.0.1/x", b"", {}, most_s=0.3)
        dripping.join(30)  # before its door is closed
    assert time.monotonic() - begun < 15, "the whole answer would take 20 s"


@pytest.fixture
def tls_server(tmp_path):
    """A web server for "localhost" that answers with what it was sent; its authority's file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca_file = _certificate(tmp_path)
    context.load_cert_chain(ca_file, tmp_path / "key.pem")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Server(HTTPServer):
        def handle_error(self, *_):
            """Somebody did not like our certificate."""

    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f":{server.server_port}", ca_file
    server.shutdown()
    server.server_close()
    thread.join()


def test_how_long_to_rest_is_read_from_whoever_is_public_too(other):
    other.status, other.headers = 429, {"Retry-After": "17"}
    line = http.client.HTTPConnection(other.address.partition("//")[2], timeout=20)

    reply = ask(line, f"{other.address}/up?x=1", b"body", {"TTL": "5"})

    assert (reply.status, reply.after_s) == (429, 17)
    (asked,) = other.asked
    assert (asked.path, asked.body, asked.headers["TTL"]) == ("/up?x=1", b"body", "5")


def _line(address):
    """A line to this machine, where nothing is public."""
    return PublicLine("localhost", int(address[1:]), allows=lambda one: one in ("127.0.0.1", "::1"))


def _drip(door):
    line, _ = door.accept()
    with line:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 400:
            try:
                line.sendall(bytes([byte]))
            except OSError:
                return
            time.sleep(0.05)


def _certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    (folder / "ca.pem").write_bytes(made.public_bytes(Encoding.PEM))
    return folder / "ca.pem"
