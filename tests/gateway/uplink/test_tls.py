"""TLS sessions that outlive connections, against a real Mosquitto."""

import socket
import ssl
import subprocess
from threading import Thread

import pytest

from gateway.uplink.session import Link, LinkError, Session, Will
from gateway.uplink.tls import TlsMemory


@pytest.fixture
def connect(certificate, until):
    """Make a connection as the uplink does, and end it; tell whether TLS was resumed, and bytes."""

    def run(port, tls, *, gently=True):
        link = Link("g", "127.0.0.1", port, tls=True, ca_file=str(certificate[0]))
        session = Session(link, Will("will", b"gone"), tls, lambda *_: None)
        try:
            session.open("some/topic")
            mid = session.publish("another/topic", b"hello")
            until(lambda: mid in session.pump(0.1))
            return session.resumed, session.traffic()
        finally:
            if gently:
                session.close()
            else:
                session.abandon()

    return run


@pytest.fixture
def memory(certificate):
    return TlsMemory(str(certificate[0]))


@pytest.mark.parametrize("gently", [True, False])
def test_the_second_connection_resumes_the_session_of_the_first(
    tls_broker, memory, connect, gently
):
    """Whether the first one was closed or broken off; certificates are not sent again."""
    first, full = connect(tls_broker.port, memory, gently=gently)
    second, short = connect(tls_broker.port, memory, gently=gently)
    third, _ = connect(tls_broker.port, memory, gently=gently)
    assert (first, second, third) == (False, True, True)
    assert full.stream - short.stream > 1_000


def test_with_tls_1_2_too(tls_broker, memory, connect):
    memory.context().maximum_version = ssl.TLSVersion.TLSv1_2
    resumed = [connect(tls_broker.port, memory)[0] for _ in range(2)]
    assert resumed == [False, True]


def test_a_broker_that_forgot_the_session_makes_a_full_handshake(tls_broker, memory, connect):
    connect(tls_broker.port, memory)
    tls_broker.kill()
    tls_broker.start()
    resumed = [connect(tls_broker.port, memory)[0] for _ in range(2)]
    assert resumed == [False, True]


def refuse_once(answer):
    """Play a broker that answers a greeting with these bytes and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with listener:
            one, _ = listener.accept()
            with one:
                one.recv(4096)
                one.sendall(answer)

    thread = Thread(target=serve)
    thread.start()
    return listener.getsockname()[1], thread


# RFC 8446, 6: an alert record, fatal, handshake_failure.
ALERT = bytes.fromhex("15 03 03 00 02 02 28")


@pytest.mark.parametrize("answer", [ALERT, b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_after_a_failed_handshake_the_session_is_not_offered_again(
    tls_broker, memory, connect, answer
):
    """It may be what the other side does not bear."""
    connect(tls_broker.port, memory)
    port, thread = refuse_once(answer)
    with pytest.raises(LinkError):
        connect(port, memory)
    thread.join()
    resumed = [connect(tls_broker.port, memory)[0] for _ in range(2)]
    assert resumed == [False, True]


def test_a_broker_that_is_away_costs_no_session(tls_broker, memory, connect):
    connect(tls_broker.port, memory)
    with pytest.raises(LinkError, match="refused"):
        connect(9, memory)
    assert connect(tls_broker.port, memory)[0]


def test_what_a_failed_handshake_cost_is_counted(certificate):
    """Each attempt costs: on a link with an allowance that matters."""
    port, thread = refuse_once(ALERT)
    link = Link("g", "127.0.0.1", port, tls=True, ca_file=str(certificate[0]))
    session = Session(link, Will("will", b""), TlsMemory(link.ca_file), lambda *_: None)
    with pytest.raises(LinkError):
        session.open()
    thread.join()
    assert session.traffic().stream > 200


def test_new_certificates_in_the_file_are_read_after_a_refusal(
    tls_broker, tmp_path, certificate, connect
):
    """No restart is needed when an authority is replaced."""
    other = tmp_path / "other.crt"
    trusted = tmp_path / "trusted.crt"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=other", "-out", str(other), "-keyout", str(tmp_path / "other.key")),
        ],
        check=True,
        capture_output=True,
    )
    trusted.write_bytes(other.read_bytes())
    memory = TlsMemory(str(trusted))
    with pytest.raises(LinkError, match="certificate verify failed"):
        connect(tls_broker.port, memory)
    trusted.write_bytes(certificate[0].read_bytes())
    assert connect(tls_broker.port, memory)[0] is False
