"""Each story of the truth table, played to the pure parts as ingest uses them."""

import pytest

from tests.server.alerts.lazy import LazyWatch
from tests.server.alerts.stories import CONDITIONS, STORIES
from tests.server.alerts.timeline import Player

WAYS = {
    "one by one": {},
    "restarted at every step": {"restarts": True},
    "in batches": {"batch": 4},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_story(story, way):
    Player(LazyWatch(CONDITIONS), **way).play(story)
