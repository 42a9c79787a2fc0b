"""A sender that is killed leaves one message at most in doubt, and none is sent twice."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from server.db.engine import writing
from server.notify.expansion import expand
from server.notify.sending.marking import LOST_MS, release_lost
from tests.server.notify.village import DRY

ROOT = Path(__file__).parent.parent.parent.parent


def die(village, when):
    url = village.engine.url.render_as_string(hide_password=False)
    own = [url, str(village.mails.port), when, str(village.now_ms)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.server.notify.dying_sender", *own], cwd=ROOT, check=False
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("when", "sent"), [("before", 0), ("after", 1)])
def test_a_sender_killed_around_sending(village, when, sent):
    for name in ("aygul", "bataa", "chimeg"):
        village.add(f"{name}@example.org")
    village.measure(DRY)
    expand(village.engine, village.now_ms)
    die(village, when)
    assert len(village.mails.mails) == sent
    assert sorted(village.states()) == ["claimed", "queued", "queued"]

    village.tell()
    with writing(village.engine) as connection:
        assert release_lost(connection, village.now_ms) == 0
    village.now_ms += LOST_MS + 1
    with writing(village.engine) as connection:
        assert release_lost(connection, village.now_ms) == 1
    village.tell()

    assert sorted(village.states()) == ["sent", "sent", "unsure"]
    assert len({mail["To"] for mail in village.mails.mails}) == len(village.mails.mails) == 2 + sent
    (unsure,) = [one for one in village.messages() if one.state == "unsure"]
    assert "not known" in unsure.error
