"""What the tests of telling people share."""

from collections.abc import Iterator

import pytest

from tests.server.notify.mailbox import MailServer
from tests.server.notify.village import Village


@pytest.fixture
def mails() -> Iterator[MailServer]:
    """A mail server that takes all mail."""
    server = MailServer().start()
    yield server
    server.stop()


@pytest.fixture
def village(engine, mails) -> Village:
    """A field with people around it, on either engine."""
    return Village(engine, mails)


@pytest.fixture
def village_on_sqlite(sqlite_engine, mails) -> Village:
    """The same, for what does not depend on the engine."""
    return Village(sqlite_engine, mails)


@pytest.fixture
def village_on_timescale(timescale_engine, mails) -> Village:
    """The same, for what only several programs at a time can do."""
    return Village(timescale_engine, mails)
