"""The truth table of warnings, played to real databases through ingest and the watchkeeper."""

import pytest

from tests.server.alerts.stories import CONDITIONS, STORIES
from tests.server.alerts.timeline import Player
from tests.server.watch.field import DatabaseWatch, Field


@pytest.mark.parametrize("name", STORIES)
def test_what_happens_is_told_as_it_should_be(sqlite_engine, name):
    watched = DatabaseWatch(Field(sqlite_engine), CONDITIONS)

    Player(watched, batch=4).play(STORIES[name])


@pytest.mark.parametrize("name", list(STORIES)[::3])
def test_a_restart_after_each_delivery_changes_nothing(timescale_engine, name):
    """Nor does it on another engine, nor that more comes at once."""
    watched = DatabaseWatch(Field(timescale_engine), CONDITIONS)

    Player(watched, batch=7, restarts=True).play(STORIES[name])
