"""The short form: a day of 20 sensors comes in after a cut and after kills, and memory stays.

`bin/bench chaos --only recovery,memory` is the long form, with the promised times.
"""

import pytest

from benchmarks.chaos_suite.recovery import memory
from benchmarks.chaos_suite.recovery.drain import Case, LastFault, perform
from benchmarks.chaos_suite.recovery.past import live_through, past_until
from benchmarks.chaos_suite.schedule import Profile
from deploy.local_postgres import LocalPostgres
from deploy.postgres_install import need

# On one worker (tests/groups.py): each run wants a machine to itself.
pytestmark = pytest.mark.timeout(240)

# Any time that is long past: what is live must not be taken for a part of it.
END_MS = 1_790_000_000_000
PAST = past_until(END_MS, days=1, seed=11, pending=75)


@pytest.fixture(scope="module")
def outbox(tmp_path_factory):
    folder = tmp_path_factory.mktemp("past") / "outbox"
    live_through(PAST, folder)
    return folder


@pytest.fixture(scope="module")
def postgres():
    install = need()
    server = LocalPostgres(install.scratch_folder(), install)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def recover(profile, fault, outbox, folder, postgres=None):
    recovery = perform(Case(profile, fault, PAST, outbox, watched_s=2.0), folder, postgres)
    assert recovery.held, (str(recovery), recovery.verdict.examples, recovery.complaints)
    # What both gateways measured meanwhile was accounted for as well.
    assert recovery.verdict.sent > PAST.readings
    assert recovery.live_readings > 0
    assert 0 < recovery.backlog_s < 60


def test_embedded_after_a_cut_link(outbox, tmp_path):
    recover(Profile.EMBEDDED, LastFault.CUT, outbox, tmp_path)


def test_full_after_server_and_database_were_killed(outbox, tmp_path, postgres):
    recover(Profile.FULL, LastFault.KILL, outbox, tmp_path, postgres)


def test_a_gateway_with_a_backlog_takes_little_more_memory(outbox, tmp_path):
    cost = memory.perform(outbox, 6.0, tmp_path)

    assert cost.complaints == []
    assert cost.growth_mb < 10
    assert 20 < cost.most_mb < 60
