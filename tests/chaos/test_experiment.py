"""When a run counts as held."""

import pytest

from benchmarks.chaos_suite.experiment import Outcome
from benchmarks.chaos_suite.schedule import Profile, Schedule
from deploy.demo.check import Verdict


def outcome(verdict, reported=0, complaints=()):
    schedule = Schedule(1, Profile.EMBEDDED, 8.0, ())
    return Outcome(schedule, verdict, 1.0, 0.1, complaints, [], reported)


def test_all_that_was_sent_is_stored():
    assert outcome(Verdict(sent=10, stored=10)).held


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(sent=10, stored=9, lost=1),
        Verdict(sent=10, stored=10, duplicated=1),
        Verdict(sent=10, stored=9, wrong=1),
        Verdict(sent=10, stored=10, wrong=1),
        Verdict(),
    ],
)
def test_a_reading_that_is_lost_doubled_or_changed_is_a_broken_promise(verdict):
    assert not outcome(verdict).held


def test_nothing_may_go_but_what_the_gateway_says_it_gave_up():
    assert outcome(Verdict(sent=10, stored=7, lost=3), reported=3).held
    assert not outcome(Verdict(sent=10, stored=7, lost=3), reported=2).held
    assert not outcome(Verdict(sent=10, stored=7, lost=3), reported=4).held


def test_a_program_that_did_what_it_should_not_breaks_a_run():
    assert not outcome(Verdict(sent=10, stored=10), complaints=["server crashed"]).held
