"""Tags, compression, and how long the server worked."""

import gzip
from types import SimpleNamespace

import pytest

from server.api.answers.sending import send, stream, takes_gzip
from server.api.answers.timing import ServerTiming

BODY = b'{"value":[' + b"0.25," * 500 + b"1]}"


def request(**headers):
    return SimpleNamespace(headers={key.replace("_", "-"): value for key, value in headers.items()})


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


async def test_an_answer_says_how_long_the_server_worked():
    times, said = iter([10.0, 10.0123]), []

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def keep(message):
        said.append(dict(message["headers"]))

    timed = ServerTiming(app, lambda: next(times))
    await timed({"type": "http"}, None, keep)

    assert said == [{b"server-timing": b"total;dur=12.3"}]
