"""Who may call the server, by the name in Host."""

import asyncio
import json

import pytest

from server.web.hosts import LoopbackHosts


def status_for(host):
    """Ask an application behind the check; give the status and the body of the answer."""
    sent = []

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request"}

    headers = [] if host is None else [(b"host", host)]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    asyncio.run(LoopbackHosts(app)(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.mark.parametrize(
    "host",
    [
        b"127.0.0.1",
        b"127.0.0.1:8000",
        b"127.8.8.8:1",
        b"localhost:9000",
        b"LOCALHOST",
        b"localhost.:8000",
        b"[::1]",
        b"[::1]:8000",
        None,  # HTTP/1.0
    ],
)
def test_names_of_this_machine_are_answered(host):
    assert status_for(host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"evil.example:8000",
        b"localhost.evil.example",
        b"127.0.0.1.evil.example:8000",
        b"0.0.0.0:8000",
        b"192.168.1.7",
        b"[fe80::1]:8000",
        b"127.0.0.1@evil.example",
        b"",
        b"\xff\xfe",
    ],
)
def test_any_other_name_is_refused_with_a_remedy(host):
    """A page from elsewhere whose name was made to resolve to this machine."""
    status, problem = status_for(host)

    assert status == 421
    assert "open it as 127.0.0.1 or localhost" in problem["detail"]


def test_what_is_no_request_passes():
    """The start and stop of the server come the same way."""
    seen = []

    async def app(scope, _receive, _send):
        seen.append(scope["type"])

    asyncio.run(LoopbackHosts(app)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
