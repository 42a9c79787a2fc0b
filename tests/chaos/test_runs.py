"""The short form of the suite: one run a profile, with real processes and real faults.

`bin/bench chaos` is the long form. The schedules are written out, so that they stay the same when
the drawing changes.
"""

import shutil

import pytest

from benchmarks.chaos_suite.experiment import perform
from benchmarks.chaos_suite.parts.runs import report
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

# On one worker (tests/groups.py): each run wants a machine to itself.
pytestmark = pytest.mark.timeout(240)

DUNE, CONTROL = "chaos-dune", "chaos-control"

# Hostile payloads come in bursts of forty: more than two hundred a run.
HOSTILE = tuple(
    Timed(0.2 + at_s, Fault(Kind.HOSTILE, name, 0.0, seed=at_s))
    for at_s in range(3)
    for name in (DUNE, CONTROL)
)
EMBEDDED = (
    *HOSTILE,
    Timed(0.3, Fault(Kind.RESTORE, SERVER, 4.5)),
    Timed(0.5, Fault(Kind.KILL, DUNE, 0.5)),
    Timed(1.0, Fault(Kind.CUT, CONTROL, 0.8)),
    Timed(1.2, Fault(Kind.STEP, CONTROL, 2.0, seed=4)),
    Timed(2.0, Fault(Kind.THROTTLE, DUNE, 0.8, seed=2)),
    Timed(3.0, Fault(Kind.BOOT, DUNE, 1.5, seed=5)),
    Timed(3.2, Fault(Kind.DISORDER, CONTROL, 2.0, seed=6)),
)
FULL = (
    *HOSTILE,
    Timed(0.4, Fault(Kind.DISORDER, SERVER, 2.0, seed=1)),
    Timed(0.5, Fault(Kind.FILL, CONTROL, 2.0)),
    Timed(1.0, Fault(Kind.SWAP, DUNE, 0.5)),
    Timed(1.8, Fault(Kind.FILL, DATABASE, 1.2)),
    Timed(2.5, Fault(Kind.KILL, SERVER, 0.5)),
    Timed(3.2, Fault(Kind.WIPE, BROKER, 0.2)),
    Timed(3.4, Fault(Kind.KILL, DATABASE, 0.3)),
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
    outcome = outcome_of(Schedule(1, Profile.EMBEDDED, 5.5, EMBEDDED), folder, None)

    assert outcome.verdict.stored > 50
    assert outcome.hostile >= 200


def test_nothing_is_lost_in_the_full_profile(folder, postgres):
    schedule = Schedule(2, Profile.FULL, 5.0, FULL)
    outcome = outcome_of(schedule, folder, postgres)

    assert outcome.verdict.stored > 50
    assert outcome.hostile >= 200
    assert postgres.child.is_running
