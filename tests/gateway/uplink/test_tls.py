"""TLS sessions that outlive connections, against a real Mosquitto."""

import signal
import socket
import ssl
import subprocess
import time
from threading import Thread

import pytest

from gateway.uplink.session import Link, LinkError, Session, Will
from gateway.uplink.tls import LOOK_EVERY_MS, Now, TlsMemory


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


def authority_of(folder, name, days):
    """Make an authority that ends in so many days."""
    run(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-nodes", "-days", str(days)),
        *("-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign"),
        *("-out", str(folder / f"{name}.crt"), "-keyout", str(folder / f"{name}.key")),
    )
    return folder / f"{name}.crt"


def issue(authority, certificate, days):
    """Have an authority issue the broker's certificate anew, with its key."""
    asked = certificate[0].with_suffix(".csr")
    run("req", "-new", "-key", str(certificate[1]), "-subj", "/CN=broker", "-out", str(asked))
    names = asked.with_suffix(".ext")
    names.write_text("subjectAltName=IP:127.0.0.1\n")
    run(
        *("x509", "-req", "-in", str(asked), "-days", str(days), "-CAcreateserial"),
        *("-CA", str(authority), "-CAkey", str(authority.with_suffix(".key"))),
        *("-extfile", str(names), "-out", str(certificate[0])),
    )


def run(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def days_left(memory):
    return {
        one.of: round((one.ends / 1000 - time.time()) / 86_400) for one in memory.certificates()
    }


@pytest.fixture
def issued(broker, tls_broker, certificate, tmp_path):
    """A broker whose certificate ends in 5 days, issued by one of two authorities in a file."""
    issuer, other = authority_of(tmp_path, "issuer", 20), authority_of(tmp_path, "other", 3)
    issue(issuer, certificate, 5)
    trusted = tmp_path / "trusted.crt"
    trusted.write_bytes(issuer.read_bytes() + other.read_bytes())
    tls_broker.kill()
    tls_broker.start()
    return issuer, trusted


def test_it_knows_when_what_the_connection_depends_on_ends(issued, tls_broker, connect):
    """Another authority in the file does not matter, nor does a resumed session."""
    memory = TlsMemory(str(issued[1]))
    before = days_left(memory)
    connect(tls_broker.port, memory)
    first = days_left(memory)
    connect(tls_broker.port, memory)

    assert (before, first, days_left(memory)) == ({}, {"broker": 5, "authority": 20}, first)


def test_what_was_renewed_is_seen_within_a_day_though_the_connection_lasts(
    issued, tls_broker, certificate, connect, until
):
    """The broker takes a new certificate without dropping anybody, and the file is replaced."""
    memory = TlsMemory(str(issued[1]))
    connect(tls_broker.port, memory)
    wall_ms = time.time_ns() // 1_000_000
    memory.look("127.0.0.1", tls_broker.port, Now(0, wall_ms), 5)
    renewed = authority_of(issued[0].parent, "issuer", 900)
    issue(renewed, certificate, 300)
    issued[1].write_bytes(renewed.read_bytes())
    tls_broker.process.send_signal(signal.SIGHUP)
    shown = "127.0.0.1", tls_broker.port
    until(lambda: ssl.get_server_certificate(shown).strip() == certificate[0].read_text().strip())

    early = memory.look("127.0.0.1", tls_broker.port, Now(LOOK_EVERY_MS - 1, wall_ms), 5)
    assert (early.total, days_left(memory)["broker"]) == (0, 5)
    spent = memory.look("127.0.0.1", tls_broker.port, Now(LOOK_EVERY_MS, wall_ms), 5)

    assert days_left(memory) == {"broker": 300, "authority": 900}
    assert spent.total > 1_000
    assert memory.look("127.0.0.1", tls_broker.port, Now(2**60, wall_ms), 5).total == 0
