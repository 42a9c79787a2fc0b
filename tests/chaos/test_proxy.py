"""The link between gateway and broker: carries, cuts, silences, throttles."""

import socket
import threading
import time

import pytest

from benchmarks.chaos_suite.proxy import Line, Proxy
from deploy.ports import wait_until


class Echo:
    """A peer behind the proxy that says back whatever it hears."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(peer,), daemon=True).start()

    def _echo(self, peer):
        with peer:
            try:
                while data := peer.recv(4096):
                    self.heard += data
                    peer.sendall(data)
            except OSError:
                return

    def close(self):
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()


@pytest.fixture
def echo():
    peer = Echo()
    yield peer
    peer.close()


@pytest.fixture
def proxy(echo):
    link = Proxy(lambda: Line(echo.port)).start()
    yield link
    link.close()


@pytest.fixture
def client(proxy):
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        yield connection


def heard(connection, size):
    data = b""
    while len(data) < size and (more := connection.recv(4096)):
        data += more
    return data


def is_broken(connection):
    """Tell whether the other end closes the connection, by reset or politely."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_bytes_pass_both_ways_unchanged(client):
    told = bytes(range(256)) * 100
    threading.Thread(target=client.sendall, args=(told,)).start()

    assert heard(client, len(told)) == told


def test_a_cut_breaks_what_is_connected(proxy, client):
    client.sendall(b"before")
    assert heard(client, 6) == b"before"
    proxy.cut()

    assert is_broken(client)


def test_while_cut_a_new_connection_is_broken_at_once(proxy):
    proxy.cut()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        assert is_broken(connection)


def test_a_healed_link_carries_again(proxy):
    proxy.cut()
    proxy.heal()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        connection.sendall(b"again")

        assert heard(connection, 5) == b"again"


def test_silence_holds_everything_back_and_breaks_nothing(proxy, client):
    proxy.silence()
    client.sendall(b"held back")
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(1)
    proxy.heal()
    client.settimeout(10)

    assert heard(client, 9) == b"held back"


def test_a_throttled_link_takes_its_time(proxy, client):
    proxy.throttle(bytes_per_s=20_000)
    began = time.monotonic()
    client.sendall(bytes(4000))

    assert heard(client, 4000) == bytes(4000)
    assert time.monotonic() - began >= 0.2


def test_with_nobody_behind_it_a_connection_is_broken(echo, proxy):
    echo.close()
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        assert is_broken(connection)


def test_last_words_arrive_before_the_end(echo, proxy):
    proxy.throttle(bytes_per_s=20_000)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        connection.sendall(b"last words" * 300)
        connection.shutdown(socket.SHUT_WR)

        assert wait_until(lambda: echo.heard == b"last words" * 300, 30)


def test_closing_twice_or_before_the_start_is_fine(echo):
    link = Proxy(lambda: Line(echo.port))
    link.close()
    link.close()
    started = Proxy(lambda: Line(echo.port)).start()
    started.close()
    started.close()
