"""The short form: a few of the most telling points in both profiles, one kill at each.

`bin/bench chaos` has all of them.
"""

import shutil

import pytest

from benchmarks.chaos_suite.points import perform_point
from benchmarks.chaos_suite.points.disk import Follower, Meaning
from benchmarks.chaos_suite.points.events import Event, What
from benchmarks.chaos_suite.points.run import _told
from benchmarks.chaos_suite.points.trap import Sight, Trap
from benchmarks.chaos_suite.schedule import Profile
from deploy.local_postgres import LocalPostgres
from deploy.postgres_install import need

# On one worker (tests/groups.py): each run wants a machine to itself.
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir()
    yield tmp_path / "run"
    shutil.rmtree(tmp_path / "run", ignore_errors=True)


@pytest.fixture(scope="module")
def postgres():
    """A durable server of our own."""
    install = need()  # says how to install it
    server = LocalPostgres(install.scratch_folder(), install)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def assert_held(outcome):
    told = (*outcome.verdict.examples, *outcome.complaints, *outcome.diary)
    assert outcome.held, "\n".join(told)
    assert outcome.verdict.stored > 10


@pytest.mark.parametrize("point", ["after-outbox-commit", "receipt-at-broker"])
def test_nothing_is_lost_at_a_point_in_the_embedded_profile(point, folder):
    assert_held(perform_point(point, Profile.EMBEDDED, 1, folder, None, strikes=1))


@pytest.mark.parametrize("point", ["after-puback-broker", "before-commit"])
def test_nothing_is_lost_at_a_point_in_the_full_profile(point, folder, postgres):
    assert_held(perform_point(point, Profile.FULL, 1, folder, postgres, strikes=1))


@pytest.fixture
def trap():
    return Trap([Sight(What.PUBLISH, "chaos-dune")], 1)


def test_a_point_that_was_never_reached_is_no_hit(trap):
    told = _told(trap, reached=False, follower=None)

    assert (told.was_reached, told.is_hit) == (False, False)


def test_a_kill_without_proof_is_no_hit(trap, tmp_path):
    trap.judge(Event("chaos-dune", What.PUBLISH))
    follower = Follower(tmp_path / "pipe", Meaning("x", threads=False), lambda *_: False, lambda: 0)
    follower.start().close()

    told = _told(trap, reached=True, follower=follower)
    assert (told.was_reached, told.is_hit) == (True, False)
    assert _told(trap, reached=True, follower=None).is_hit
