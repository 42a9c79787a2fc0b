"""Random runs as a part: what is counted as lost, what is kept, which seeds are drawn."""

from contextlib import closing

import pytest

from benchmarks.chaos_suite.experiment import Outcome
from benchmarks.chaos_suite.parts import runs
from benchmarks.chaos_suite.parts.options import parse
from benchmarks.chaos_suite.parts.place import Services
from benchmarks.chaos_suite.parts.points import chosen
from benchmarks.chaos_suite.schedule import Profile, Schedule
from deploy.demo.check import Verdict

SCHEDULE = Schedule(7, Profile.EMBEDDED, 8.0, ())


def outcome(*, lost=0, reported=0, complaints=()):
    verdict = Verdict(sent=10, stored=10 - lost, lost=lost)
    diary = ["  1.000 kill server"]
    return Outcome(SCHEDULE, verdict, 1.5, 0.25, complaints, diary, reported=reported, hostile=40)


@pytest.fixture
def perform(monkeypatch, tmp_path):
    """Perform a run that comes to a given outcome; folders of runs come to lie in `tmp_path`."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def perform(given, *, keep=False):
        monkeypatch.setattr(runs, "perform", lambda *_: given)
        with closing(Services()) as services:
            return runs.perform_run(SCHEDULE, services, keep=keep)

    return perform


def test_a_run_that_held_leaves_nothing_behind(perform, tmp_path):
    assert perform(outcome()).held
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [outcome(lost=1), outcome(complaints=["server crashed"])])
def test_a_run_that_did_not_hold_is_kept_with_its_story_and_how_to_repeat_it(
    bad, perform, tmp_path
):
    told = str(perform(bad))

    assert "run 7 embedded" in told
    assert "NOT HELD" in told
    again = "--only runs --seed 7 --runs 1 --profile embedded --seconds 8"
    assert f"repeat: bin/bench chaos {again}" in told
    (folder,) = tmp_path.iterdir()
    story = (folder / "outcome.txt").read_text()
    assert "kill server" in story
    assert again in story


def test_what_a_gateway_reports_as_given_up_is_counted_apart(perform):
    counts = perform(outcome(lost=3, reported=3)).counts

    assert (counts["lost"], counts["given_up"], counts["sent"]) == (0, 3, 10)


def test_what_is_lost_beyond_the_report_is_lost(perform):
    told = perform(outcome(lost=3, reported=2))

    assert (told.counts["lost"], told.held) == (1, False)


def test_a_run_can_be_repeated_alone():
    both = list(Profile)

    assert runs.plan(5, 4, both, 8.0)[2] == runs.plan(7, 1, both, 8.0)[0]
    assert runs.plan(7, 1, [Profile.FULL], 8.0) == runs.plan(7, 1, both, 8.0)
    assert [one.profile for one in runs.plan(6, 2, both, 8.0)] == both


def test_as_many_points_as_runs_and_all_of_them_in_turn():
    every = chosen(parse(["--runs", "1000", "--seed", "0"]))
    seen = [
        one for seed in range(0, 60, 3) for one in chosen(parse(f"--runs 3 --seed {seed}".split()))
    ]

    assert len(every) == len(set(every)) > 30
    assert set(seen) == set(every)


def test_points_that_are_named_are_those_of_the_profiles_asked_for():
    options = parse(["--point", "in-commit", "--profile", "full"])

    assert chosen(options) == [("in-commit", Profile.FULL)]
