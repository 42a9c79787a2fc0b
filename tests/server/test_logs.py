"""What the server's log tells on a terminal."""

import io
import logging

import pytest
import structlog

from server.logs import configure


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self):
        return True


@pytest.fixture
def terminal():
    """A log on a terminal; what other tests log goes where it went before."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = Terminal()
    configure(stream)
    yield stream
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_traceback_shows_no_local_variables(terminal):
    """One of them may be a password."""

    def fail(password):
        raise ValueError(len(password))

    try:
        fail("correct horse")
    except ValueError:
        structlog.get_logger("server.somewhere").exception("worker_failed")

    assert "worker_failed" in terminal.getvalue()
    assert "ValueError: 13" in terminal.getvalue()
    assert "horse" not in terminal.getvalue().replace('fail("correct horse")', "")
