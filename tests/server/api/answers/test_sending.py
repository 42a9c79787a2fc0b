"""Tags, compression, and how long the server worked."""

import gzip

import pytest
from fastapi import Request

from server.api.answers.sending import send, send_made, stream, takes_gzip
from server.api.answers.timing import ServerTiming, stopwatch_of

BODY = b'{"value":[' + b"0.25," * 500 + b"1]}"


def request(**headers):
    told = [
        (key.replace("_", "-").encode(), value.encode("latin-1")) for key, value in headers.items()
    ]
    return Request({"type": "http", "headers": told})


def answered(body=BODY, **headers):
    return send(request(**headers), body, "application/json", {})


def test_a_body_goes_out_as_it_is_to_who_takes_nothing_else():
    answer = answered()

    assert answer.body == BODY
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"


def test_a_body_is_compressed_for_who_takes_it_and_keeps_its_tag():
    answer = answered(accept_encoding="gzip, deflate")

    assert gzip.decompress(answer.body) == BODY
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"] == answered().headers["etag"]


def test_a_short_body_is_not_compressed():
    assert answered(b"{}", accept_encoding="gzip").body == b"{}"


@pytest.mark.parametrize("named", ["{}", '"other", {}', "*"])
def test_who_has_the_body_is_told_so_and_gets_none(named):
    tag = answered().headers["etag"]
    answer = answered(if_none_match=named.format(tag))

    assert (answer.status_code, answer.body) == (304, b"")
    assert answer.headers["etag"] == tag


def test_another_body_has_another_tag():
    tag = answered().headers["etag"]

    assert answered(BODY + b" ", if_none_match=tag).status_code == 200


@pytest.mark.parametrize(
    ("said", "takes"),
    [("", False), ("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("*", True)],
)
def test_gzip_is_used_only_where_it_is_taken(said, takes):
    assert takes_gzip(request(accept_encoding=said)) is takes


async def test_a_stream_is_compressed_on_the_way():
    parts = [BODY[:700], BODY[700:]]
    answer = stream(request(accept_encoding="gzip"), iter(parts), "text/csv", {})
    sent = [part async for part in answer.body_iterator]

    assert gzip.decompress(b"".join(sent)) == BODY


def test_what_the_client_has_is_not_even_made():
    """The tag names the content, so that nobody has to write it to compare."""
    made = []

    def make():
        made.append(True)
        return BODY

    first = send_made(request(), b"\x01" * 32, make, "application/json", {})
    tag = first.headers["etag"]
    again = send_made(request(if_none_match=tag), b"\x01" * 32, make, "application/json", {})
    other = send_made(request(if_none_match=tag), b"\x02" * 32, make, "application/json", {})

    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert len(made) == 2


async def test_an_answer_says_how_long_the_server_worked_and_on_what():
    """From 10 s on; at 10.002 reading begins, for 5 ms; then 1 ms and once more 0.5 ms of writing."""
    times = iter([10.0, 10.002, 10.007, 10.007, 10.008, 10.008, 10.0085, 10.0123])
    said = []

    async def app(scope, _receive, send):
        watch = stopwatch_of(Request(scope))
        for part in ("read", "write", "write"):
            with watch.part(part):
                pass
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def keep(message):
        said.append(dict(message["headers"]))

    timed = ServerTiming(app, lambda: next(times))
    await timed({"type": "http"}, None, keep)

    parts = b"begin;dur=2.0, read;dur=5.0, write;dur=1.5, total;dur=12.3"
    assert said == [{b"server-timing": parts}]
