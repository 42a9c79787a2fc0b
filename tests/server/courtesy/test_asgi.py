"""A page or answer is noted as being written until it begins to go out, and no longer."""

import asyncio

import pytest

from server.courtesy.answers import Answers
from server.courtesy.asgi import GoesFirst

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b""}


@pytest.fixture
def answers():
    return Answers()


def ask(answers, app, method="GET", kind="http"):
    """Tell what was noted while the parts of its answer were sent."""
    seen = []

    async def send(_message):
        seen.append(answers.are_written())

    scope = {"type": kind, "method": method} if kind == "http" else {"type": kind}
    asyncio.run(GoesFirst(app, answers)(scope, None, send))
    return seen


def application(noted, answers):
    async def app(_scope, _receive, send):
        noted.append(answers.are_written())
        await send(START)
        noted.append(answers.are_written())
        await send(BODY)

    return app


def test_an_answer_is_noted_until_it_begins_to_go_out(answers):
    noted = []

    assert ask(answers, application(noted, answers)) == [False, False]

    assert noted == [True, False]
    assert not answers.are_written()


@pytest.mark.parametrize(("method", "kind"), [("POST", "http"), (None, "lifespan")])
def test_what_may_take_as_long_as_its_sender_likes_is_not_noted(answers, method, kind):
    noted = []

    ask(answers, application(noted, answers), method, kind)

    assert noted == [False, False]


def test_an_answer_that_fails_is_not_noted_for_ever(answers):
    async def app(_scope, _receive, _send):
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - it is ours
        ask(answers, app)

    assert not answers.are_written()
