"""`bin/bench chaos`: what it adds up, what it prints, and what it refuses."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import chaos
from benchmarks.chaos_suite.parts.options import Part
from benchmarks.chaos_suite.parts.result import Result
from deploy.errors import SetupError

ROOT = Path(__file__).parent.parent.parent
BENCH = ROOT / "bin" / "bench"

RUN = {"runs": 1, "sent": 10, "stored": 10, "lost": 0, "duplicated": 0, "wrong": 0}
RECOVERED = {"backlog_s": 20.0, "live_max_s": 1.25, "gateway_growth_mb": 1.5}


def bench(*arguments):
    return subprocess.run(
        [BENCH, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def result(counts=None, peaks=None, *, held=True, details=()):
    return Result(held, "run 1 embedded", counts or {}, peaks or {}, details)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command with results in the place of experiments; gives exit code, JSON and log."""

    def run(results, *arguments):
        for part in Part:
            given = results.get(part, ())
            monkeypatch.setitem(chaos.PERFORM, part, lambda *_, given=given: _each(given))
        before = signal.getsignal(signal.SIGTERM)
        try:
            code = chaos.main(["--seed", "1", "--json", *arguments])
        finally:
            signal.signal(signal.SIGTERM, before)
        told = capsys.readouterr()
        return code, json.loads(told.out) if told.out else None, told.err

    return run


def _each(given):
    for one in given:
        if isinstance(one, BaseException):
            raise one
        yield one


def test_the_command_can_be_run_and_parsed():
    assert os.access(BENCH, os.X_OK)
    assert subprocess.run(["bash", "-n", BENCH], check=False).returncode == 0


def test_alone_it_lists_what_there_is():
    done = bench()

    assert done.returncode == 0
    assert "chaos        Does anything lose, double or change a reading?" in done.stdout


@pytest.mark.parametrize("name", ["nonsense", "../bin/demo", "__init__"])
def test_what_is_not_there_is_refused_with_the_list(name):
    done = bench(name)

    assert done.returncode == 2
    assert done.stderr.startswith(f"bin/bench: there is no '{name}'; there is:\n")


def test_counts_are_summed_and_of_times_and_memory_the_most_is_told(run):
    results = {
        Part.RUNS: [result(RUN, {"gateway_growth_mb": 0.5}), result(RUN)],
        Part.RECOVERY: [result({"sent": 600, "stored": 600}, RECOVERED)],
        Part.MEMORY: [result(peaks={"gateway_growth_mb": 2.125})],
    }

    code, told, _ = run(results)

    assert code == 0
    assert told == {
        "name": "chaos",
        "figures": {
            "runs": 2,
            "sent": 620,
            "stored": 620,
            "lost": 0,
            "duplicated": 0,
            "wrong": 0,
            "backlog_s": 20,
            "live_max_s": 1.25,
            "gateway_growth_mb": 2.12,
        },
        "held": True,
    }
    figures = "runs sent stored lost duplicated wrong backlog_s live_max_s gateway_growth_mb"
    assert list(told["figures"]) == figures.split()


@pytest.mark.parametrize(
    "broken",
    [
        {"backlog_s": 60.01},
        {"live_max_s": 2.0},
        {"gateway_growth_mb": 5.01},
    ],
)
def test_one_limit_that_is_not_kept_and_nothing_has_held(run, broken):
    code, told, log = run({Part.RECOVERY: [result(RUN, RECOVERED | broken)]})

    assert (code, told["held"]) == (1, False)
    assert f"NOT HELD: {next(iter(broken))}" in log


@pytest.mark.parametrize("kept", [{"backlog_s": 60.0}, {"live_max_s": 1.99}])
def test_the_limits_themselves_are_kept(run, kept):
    code, told, _ = run({Part.RECOVERY: [result(RUN, RECOVERED | kept)]})

    assert (code, told["held"]) == (0, True)


@pytest.mark.parametrize("key", ["lost", "duplicated", "wrong"])
def test_a_single_reading_is_too_many(run, key):
    code, told, _ = run({Part.RUNS: [result(RUN | {key: 1})]})

    assert (code, told["held"], told["figures"][key]) == (1, False, 1)


def test_a_result_that_did_not_hold_is_told_with_all_its_details(run):
    bad = result(RUN, held=False, details=["server crashed", "repeat: bin/bench chaos --seed 1"])

    code, told, log = run({Part.POINTS: [result(RUN), bad]})

    assert (code, told["held"]) == (1, False)
    assert "run 1 embedded: held\n" in log
    assert "run 1 embedded: NOT HELD\n  server crashed\n  repeat: bin/bench chaos --seed 1" in log


def test_nothing_done_has_not_held(run):
    assert run({}, "--only", "runs")[0] == 1


def test_interrupted_it_tells_what_is_known_and_does_not_claim_that_it_held(run):
    results = {Part.RUNS: [result(RUN), KeyboardInterrupt()], Part.MEMORY: [result(RUN)]}

    code, told, _ = run(results)

    assert code == 130
    assert (told["held"], told["figures"]["runs"]) == (False, 1)


def test_what_a_person_can_mend_is_said_in_a_line(run):
    code, told, log = run({Part.RUNS: [SetupError("no strace: apt install strace")]})

    assert (code, told) == (2, None)
    assert log.endswith("bin/bench chaos: no strace: apt install strace\n")


def test_only_what_was_asked_for_is_done(run):
    results = {Part.RUNS: [result(RUN)], Part.MEMORY: [result(peaks={"gateway_growth_mb": 1})]}

    _, told, _ = run(results, "--only", "memory")

    assert told["figures"]["runs"] == 0
    assert told["figures"]["gateway_growth_mb"] == 1
    assert "backlog_s" not in told["figures"]


@pytest.mark.parametrize(
    "arguments", [["--only", "nonsense"], ["--runs", "0"], ["--profile", "half"]]
)
def test_what_makes_no_sense_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as refused:
        chaos.main(arguments)

    assert refused.value.code == 2
    assert "usage: bin/bench chaos" in capsys.readouterr().err


def test_a_point_that_is_none_is_refused_with_those_there_are(capsys):
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert chaos.main(["--point", "nonsense", "--profile", "embedded"]) == 2
    finally:
        signal.signal(signal.SIGTERM, before)

    told = capsys.readouterr().err
    assert "no point is called 'nonsense'; there are before-outbox-commit, " in told


def test_told_to_stop_it_ends_soon_and_leaves_nothing_behind(tmp_path):
    """Sent to the real command while it reopens outboxes, which would take it hours."""
    command = [sys.executable, "-m", "benchmarks.chaos"]
    arguments = ["--only", "power-cuts", "--states", "1000000", "--seed", "1", "--json"]
    with subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as bench:
        assert bench.stderr.readline() == "seed 1\n"
        bench.send_signal(signal.SIGTERM)
        out, _ = bench.communicate(timeout=30)

    assert bench.returncode == 130
    assert json.loads(out)["held"] is False
    assert list(tmp_path.iterdir()) == []
