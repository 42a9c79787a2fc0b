"""`bin/bench chaos`: what it adds up, what it prints, and what it refuses."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from benchmarks import chaos
from benchmarks.chaos_suite.experiment import Outcome
from benchmarks.chaos_suite.schedule import Profile, Schedule
from deploy.demo.check import Verdict

BENCH = Path(__file__).parent.parent.parent / "bin" / "bench"


def bench(*arguments):
    return subprocess.run(
        [BENCH, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def outcome(*, seed=1, lost=0, complaints=(), backlog_s=1.0, growth_mb=0.1):
    verdict = Verdict(sent=10, stored=10 - lost, lost=lost)
    schedule = Schedule(seed, Profile.EMBEDDED, 8.0, ())
    return Outcome(schedule, verdict, backlog_s, growth_mb, complaints, ["  1.000 kill server"])


@pytest.fixture
def performed(monkeypatch, tmp_path):
    """Give outcomes in the place of runs; the folders of runs come to lie in `tmp_path`."""
    waiting = []
    monkeypatch.setattr(chaos, "perform", lambda *_: waiting.pop(0))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return waiting


def run(*arguments):
    return chaos.main(["--profile", "embedded", "--seed", "1", *arguments])


def test_the_command_can_be_run_and_parsed():
    assert os.access(BENCH, os.X_OK)
    assert subprocess.run(["bash", "-n", BENCH], check=False).returncode == 0


def test_alone_it_lists_what_there_is():
    done = bench()

    assert done.returncode == 0
    assert done.stdout.startswith("chaos        Does anything lose, double or change a reading?")


@pytest.mark.parametrize("name", ["nonsense", "../bin/demo", "__init__"])
def test_what_is_not_there_is_refused_with_the_list(name):
    done = bench(name)

    assert done.returncode == 2
    assert done.stderr.startswith(f"bin/bench: there is no '{name}'; there is:\nchaos ")


def test_counts_are_summed_and_of_times_the_longest_is_told(performed, capsys):
    performed += [outcome(backlog_s=2.5), outcome(growth_mb=1.25)]

    assert run("--runs", "2", "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "name": "chaos",
        "figures": {
            "runs": 2,
            "sent": 20,
            "stored": 20,
            "lost": 0,
            "duplicated": 0,
            "wrong": 0,
            "backlog_s": 2.5,
            "gateway_growth_mb": 1.25,
        },
        "held": True,
    }


@pytest.mark.parametrize("bad", [outcome(lost=1), outcome(complaints=["server crashed"])])
def test_a_run_that_did_not_hold_is_told_with_its_seed_and_kept(bad, performed, capsys, tmp_path):
    performed += [outcome(), bad]

    assert run("--runs", "2", "--json") == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["held"] is False
    assert "repeat: bin/bench chaos --seed 1 --runs 1 --profile embedded --seconds 8" in told.err
    (folder,) = tmp_path.iterdir()
    assert "kill server" in (folder / "outcome.txt").read_text()


def test_a_run_that_held_leaves_nothing_behind(performed, tmp_path):
    performed.append(outcome())

    assert run("--runs", "1") == 0
    assert list(tmp_path.iterdir()) == []
