"""The relays: everything passes, until something is held; what is held comes to nobody."""

import socket
import threading

import pytest

from benchmarks.chaos_suite.points.events import Event, Way, What
from benchmarks.chaos_suite.points.taps import Passage, Taps
from deploy.ports import wait_until

PEER = "peer"


class Letters:
    """A talk in which each byte is a message, and capital letters mean something."""

    def __init__(self, peer):
        self._peer = peer

    def hear(self, way, data):
        for byte in data:
            letter = bytes([byte])
            means = letter.isupper() and way is Way.UP
            events = (Event(self._peer, What.PUBLISH, way, (letter.decode(),)),) if means else ()
            yield letter, events

    def rest(self, way):
        return b""

    def end(self):
        return (Event(self._peer, What.COMMIT_UNKNOWN),)


class Upstream:
    """Keeps what it hears, and says what it is told to."""

    def __init__(self):
        self.heard = b""
        self.peers = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.peers.append(peer)
            threading.Thread(target=self._hear, args=(peer,), daemon=True).start()

    def _hear(self, peer):
        with peer:
            try:
                while data := peer.recv(4096):
                    self.heard += data
            except OSError:
                return

    def close(self):
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        self.thread.join()


@pytest.fixture
def upstream():
    peer = Upstream()
    yield peer
    peer.close()


@pytest.fixture
def passages():
    """What becomes of each letter."""
    return {}


@pytest.fixture
def seen():
    return []


@pytest.fixture
def taps(passages, seen):
    def gate(event):
        seen.append(event)
        return passages.get(event.topics[0] if event.topics else "", Passage.PASS)

    all_of_them = Taps(gate)
    yield all_of_them
    all_of_them.close()


@pytest.fixture
def client(taps, upstream):
    port = taps.add(PEER, upstream.port, Letters)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        assert wait_until(lambda: upstream.peers, 30)
        yield connection


def heard(connection, size):
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


def is_broken(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def is_silent(connection):
    connection.settimeout(0.2)
    try:
        return not connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(10)


def test_everything_passes_both_ways(client, upstream):
    client.sendall(b"abCdE" * 1000)
    upstream.peers[0].sendall(b"Answer")

    assert heard(client, 6) == b"Answer"
    assert wait_until(lambda: upstream.heard == b"abCdE" * 1000, 30)


def test_what_is_held_reaches_nobody_nor_does_what_follows(client, upstream, passages, taps):
    passages["X"] = Passage.HOLD
    client.sendall(b"abXcd")
    assert wait_until(lambda: upstream.heard == b"ab", 30)
    upstream.peers[0].sendall(b"answer")
    assert is_silent(client)
    taps.drop_stopped()

    assert is_broken(client)
    assert upstream.heard == b"ab"


def test_what_passes_and_then_holds_is_the_last_to_arrive(client, upstream, passages):
    passages["X"] = Passage.PASS_THEN_HOLD
    client.sendall(b"abXcd")
    assert wait_until(lambda: upstream.heard == b"abX", 30)
    upstream.peers[0].sendall(b"answer")

    assert is_silent(client)
    assert upstream.heard == b"abX"


def test_what_waits_stops_its_own_way_only_until_it_is_asked_again(
    client, upstream, passages, taps, seen
):
    passages["X"] = Passage.WAIT
    client.sendall(b"abXcd")
    assert wait_until(lambda: upstream.heard == b"ab", 30)
    upstream.peers[0].sendall(b"answer")
    assert heard(client, 6) == b"answer"
    taps.ask_again()
    assert wait_until(lambda: len(seen) == 2, 30)
    assert upstream.heard == b"ab"
    passages["X"] = Passage.PASS
    taps.ask_again()

    assert wait_until(lambda: upstream.heard == b"abXcd", 30)


def test_dropping_what_is_stopped_leaves_the_rest(client, upstream, taps):
    taps.drop_stopped()
    client.sendall(b"still here")

    assert wait_until(lambda: upstream.heard == b"still here", 30)


def test_dropping_all_of_a_peer_breaks_it_and_the_next_connection_is_taken(client, upstream, taps):
    port = client.getpeername()[1]
    taps.drop([PEER])
    assert is_broken(client)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as again:
        again.sendall(b"again")

        assert wait_until(lambda: upstream.heard == b"again", 30)


def test_the_end_of_a_connection_is_told(client, seen):
    client.close()

    assert wait_until(lambda: Event(PEER, What.COMMIT_UNKNOWN) in seen, 30)


def test_with_nobody_behind_it_a_connection_is_broken(taps, upstream):
    port = taps.add(PEER, upstream.port, Letters)
    upstream.close()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        assert is_broken(connection)
