"""One plain line an event."""

import io
import re

import pytest
import structlog

from gateway import logs


@pytest.fixture
def lines():
    out = io.StringIO()
    logs.configure("info", out)
    return out


def test_an_event_is_a_line(lines):
    structlog.get_logger().warning("uplink_unavailable", host="broker", reason="it's off", note="")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ warning uplink_unavailable host=broker "
        r"reason=\"it's off\" note=''\n",
        lines.getvalue(),
    )


def test_below_the_level_nothing_is_written(lines):
    structlog.get_logger().debug("detail")
    assert lines.getvalue() == ""


def test_a_bug_keeps_its_traceback(lines):
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        structlog.get_logger().exception("uplink_failed")
    assert "uplink_failed\nTraceback (most recent call last)" in lines.getvalue()
    assert "ZeroDivisionError" in lines.getvalue()


def test_a_log_that_nobody_takes_stops_nothing(lines):
    lines.close()
    structlog.get_logger().info("gateway_started")
