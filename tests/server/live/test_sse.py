"""The event stream, as text and over a real connection."""

import asyncio
import json
import threading
import time

import pytest

from deploy.ports import wait_until
from server.db.engine import open_engine
from server.live.hub import Hub
from server.live.sse import stream
from server.store.port import LatestRow
from tests.server.api.factory import NOW
from tests.server.api.running import served

ROW = LatestRow(7, NOW, 0.125, 1, "", NOW + 500)
DOUBTED = LatestRow(8, NOW, 99.0, 3 | 16, "", NOW)
MISSING = LatestRow(9, NOW, None, 9, "timeout", NOW)


@pytest.fixture
def api(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db")
    with served(engine, {}) as running:
        yield running
    engine.dispose()


class Events:
    """The events of one connection, read one by one."""

    def __init__(self, response):
        assert response.headers["content-type"].startswith("text/event-stream")
        self.lines = response.iter_lines()

    def next(self):
        """The fields of the next event; comments are passed over."""
        found = {}
        for line in self.lines:
            if not line and "event" in found:
                return found
            name, _, value = line.partition(": ")
            found[name] = value
        return None


async def test_the_stream_is_written_as_the_standard_says():
    hub = Hub()
    hub.attach(asyncio.get_running_loop())
    events = stream(hub, lambda rows: json.dumps(rows).encode())

    assert await anext(events) == b"retry: 3000\n\n"
    assert await anext(events) == b"id: 0\nevent: resync\ndata: {}\n\n"
    hub.publish(["a"])
    assert await anext(events) == b'id: 1\nevent: latest\ndata: ["a"]\n\n'
    await events.aclose()


async def test_a_comment_keeps_a_silent_connection_open():
    hub = Hub()
    hub.attach(asyncio.get_running_loop())
    events = stream(hub, lambda _: b"", heartbeat_s=0.01)

    assert [await anext(events) for _ in range(4)][2:] == [b": still here\n\n"] * 2
    await events.aclose()


async def test_leaving_the_stream_ends_the_subscription():
    hub = Hub()
    hub.attach(asyncio.get_running_loop())
    events = stream(hub, lambda _: b"")
    await anext(events)
    assert hub.subscribers == 1

    await events.aclose()

    assert hub.subscribers == 0


async def test_closing_the_hub_ends_the_stream():
    hub = Hub()
    hub.attach(asyncio.get_running_loop())
    events = stream(hub, lambda _: b"")
    await anext(events)
    await anext(events)

    hub.close()

    assert [one async for one in events] == []


def test_a_client_is_told_each_commit_with_its_quality_and_reason(api):
    with api.client.stream("GET", "/api/v1/live") as response:
        events = Events(response)
        assert events.next()["event"] == "resync"

        api.hub.publish([ROW, DOUBTED, MISSING])
        event = events.next()

    assert (event["event"], event["id"]) == ("latest", "1")
    assert json.loads(event["data"]) == [
        {
            "datastream": 7,
            "time": "2026-11-20T07:00:00.000Z",
            "value": 0.125,
            "quality": 1,
            "flag": "pass",
            "tests": [],
            "reason": "",
        },
        {
            "datastream": 8,
            "time": "2026-11-20T07:00:00.000Z",
            "value": 99.0,
            "quality": 19,
            "flag": "suspect",
            "tests": ["gross_range"],
            "reason": "",
        },
        {
            "datastream": 9,
            "time": "2026-11-20T07:00:00.000Z",
            "value": None,
            "quality": 9,
            "flag": "missing",
            "tests": [],
            "reason": "timeout",
        },
    ]


def test_a_client_that_leaves_is_forgotten(api):
    with api.client.stream("GET", "/api/v1/live") as response:
        events = Events(response)
        events.next()
        assert api.hub.subscribers == 1

    assert wait_until(lambda: api.hub.subscribers == 0, timeout_s=30)


def test_a_stopping_server_ends_the_streams_at_once(api):
    with api.client.stream("GET", "/api/v1/live") as response:
        events = Events(response)
        events.next()
        begun = time.monotonic()
        threading.Timer(0.1, api.hub.close).start()

        assert events.next() is None
        assert time.monotonic() - begun < 2


def test_beyond_the_limit_a_client_is_sent_to_the_newest_values(api):
    api.hub._max_subscribers = 0

    problem = api.problem("/api/v1/live")

    assert problem["status"] == 503
    assert "/api/v1/latest" in problem["detail"]
