"""The short form of the suite: one run a profile, with real processes and real faults.

`bin/bench chaos` is the long form. The schedules are written out, so that they stay the same when
the drawing changes.
"""

import shutil

import pytest

from benchmarks.chaos import report
from benchmarks.chaos_suite.experiment import perform
from benchmarks.chaos_suite.schedule import (
    BROKER,
    DATABASE,
    SERVER,
    Fault,
    Kind,
    Profile,
    Schedule,
    Timed,
)
from deploy.local_postgres import LocalPostgres
from deploy.postgres_install import need

# All in one group: each run wants a machine to itself.
pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(240)]

DUNE, CONTROL = "chaos-dune", "chaos-control"

COMMON = (
    Timed(0.5, Fault(Kind.KILL, DUNE, 0.5)),
    Timed(0.8, Fault(Kind.HOSTILE, CONTROL, 0.0, seed=1)),
    Timed(1.0, Fault(Kind.CUT, CONTROL, 0.8)),
    Timed(2.0, Fault(Kind.THROTTLE, DUNE, 0.8, seed=2)),
    Timed(2.2, Fault(Kind.KILL, SERVER, 0.5)),
    Timed(4.6, Fault(Kind.HOSTILE, DUNE, 0.0, seed=3)),
)
# The links stay cut until the server has subscribed again: a wiped broker takes what it is sent
# before that and gives it to nobody, and the gateways send it again 30 s later. The long form has
# the time to wait for that.
SERVICES = (
    Timed(2.9, Fault(Kind.CUT, CONTROL, 4.0)),
    Timed(2.9, Fault(Kind.CUT, DUNE, 4.0)),
    Timed(3.0, Fault(Kind.WIPE, BROKER, 0.2)),
    Timed(3.2, Fault(Kind.KILL, DATABASE, 0.3)),
)


@pytest.fixture
def folder(tmp_path):
    yield tmp_path / "run"
    shutil.rmtree(tmp_path / "run", ignore_errors=True)


@pytest.fixture
def postgres():
    """A server of our own, for it is killed; durable, for what it commits it must keep."""
    install = need()  # says how to install it
    server = LocalPostgres(install.scratch_folder(), install)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def outcome_of(schedule, folder, postgres):
    folder.mkdir()
    outcome = perform(schedule, folder, postgres)
    assert outcome.held, report(outcome, folder)
    return outcome


def test_nothing_is_lost_in_the_embedded_profile(folder):
    outcome = outcome_of(Schedule(1, Profile.EMBEDDED, 5.0, COMMON), folder, None)

    assert outcome.verdict.stored > 50


def test_nothing_is_lost_in_the_full_profile(folder, postgres):
    schedule = Schedule(2, Profile.FULL, 7.0, (*COMMON, *SERVICES))
    outcome = outcome_of(schedule, folder, postgres)

    assert outcome.verdict.stored > 50
    assert postgres.child.is_running
