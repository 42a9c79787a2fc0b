"""The kernel's count of what a connection carried."""

import socket

import pytest

from gateway.uplink.meter import measure


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6])
def pair(request):
    """Make a TCP connection over loopback: both ends."""
    host = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}[request.param]
    with socket.socket(request.param) as listener:
        listener.bind((host, 0))
        listener.listen()
        near = socket.create_connection(listener.getsockname()[:2])
        far, _ = listener.accept()
    with near, far:
        yield near, far


def exchange(pair, out, back):
    near, far = pair
    near.sendall(b"x" * out)
    got = 0
    while got < out:
        got += len(far.recv(65536))
    far.sendall(b"y" * back)
    got = 0
    while got < back:
        got += len(near.recv(65536))


def test_both_ways_are_counted(pair, until):
    before = measure(pair[0])
    exchange(pair, 100_000, 3_000)
    until(lambda: measure(pair[0]).stream - before.stream == 103_000)


def test_headers_are_counted_for_every_segment(pair):
    """20 small messages and their acknowledgements are 40 segments at least."""
    header = {socket.AF_INET: 52, socket.AF_INET6: 72}[pair[0].family]
    before = measure(pair[0])
    for _ in range(20):
        exchange(pair, 1, 1)
    segments = (measure(pair[0]).headers - before.headers) / header
    assert segments == int(segments)
    assert 40 <= segments <= 80
    assert measure(pair[0]).total > 40 * header


def test_what_is_no_tcp_connection_is_not_measured():
    near, far = socket.socketpair()
    with near, far:
        assert measure(near) is None


def test_a_system_that_does_not_tell_is_believed(pair, monkeypatch):
    monkeypatch.delattr(socket, "TCP_INFO")
    assert measure(pair[0]) is None


def test_a_kernel_before_4_19_counts_what_was_acknowledged(pair, until):
    """It gives a shorter answer."""

    class Old:
        family = pair[0].family

        def getsockopt(self, level, option, size):
            return pair[0].getsockopt(level, option, size)[:192]

    exchange(pair, 100_000, 3_000)
    until(lambda: 103_000 <= measure(Old()).stream <= 103_001)


def test_a_closed_socket_tells_nothing_more(pair):
    pair[0].close()
    assert measure(pair[0]) is None
