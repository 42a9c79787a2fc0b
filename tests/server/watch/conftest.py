"""What the tests of watches share."""

import time
from collections.abc import Callable

import pytest

from tests.server.alerts.stories import CONDITIONS
from tests.server.watch.field import DatabaseWatch, Field


@pytest.fixture
def watched(engine) -> DatabaseWatch:
    """A watch for dry samples on either engine; see tests.server.alerts.stories for its rule."""
    return DatabaseWatch(Field(engine), CONDITIONS)


@pytest.fixture
def watched_on_sqlite(sqlite_engine) -> DatabaseWatch:
    """The same, for what does not depend on the engine."""
    return DatabaseWatch(Field(sqlite_engine), CONDITIONS)


def _wait_until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait for a condition; fail when it does not come about."""
    return _wait_until
