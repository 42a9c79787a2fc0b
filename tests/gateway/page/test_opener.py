"""The page's address: tried again until it can be had, and told once."""

import socket

import pytest
import structlog

from gateway.page.opener import PAGE_UNAVAILABLE, PageOpener
from gateway.page.server import PAGE_SERVED, PageServer
from tests.gateway.page.conftest import Browser


@pytest.fixture
def opener_of(place):
    made = []

    def make(port):
        made.append(PageOpener(lambda: PageServer("127.0.0.1", port, place.desk, ""), 0.01))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_an_address_in_use_is_told_once_and_taken_when_it_is_free(opener_of, until):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with structlog.testing.capture_logs() as logged:
            opener = opener_of(port)
            opener.start()
            until(lambda: opener._pause_s > 0.03)  # a third try
            assert opener.port is None
            other.close()
            until(lambda: opener.port == port)
            until(lambda: PAGE_SERVED in [one["event"] for one in logged])

    events = [one["event"] for one in logged]
    assert events == [PAGE_UNAVAILABLE, PAGE_SERVED]
    assert "in use" in logged[0]["reason"]
    assert Browser(port).ask("/api/view")[0] == 200


def test_an_address_that_never_comes_holds_nobody_up(opener_of):
    with socket.create_server(("127.0.0.1", 0)) as other:
        opener = opener_of(other.getsockname()[1])
        opener.start()
        opener.close()

        assert not opener._thread.is_alive()


def test_one_that_was_never_started_closes(opener_of):
    opener_of(0).close()
