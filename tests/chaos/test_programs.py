"""Programs under test: killed and stalled with all they started, and kept running otherwise."""

import os
import time
from pathlib import Path

import pytest

from benchmarks.chaos_suite.programs import RESTART_S, TIES, Programs
from deploy.children import Child
from deploy.ports import wait_until

NAME = "one"
FAMILY = "sleep 100 & echo $! $$; wait"


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def programs(now):
    all_of_them = Programs(lambda: now[0])
    yield all_of_them
    all_of_them.kill_all()


def start(programs, tmp_path, script):
    child = Child(NAME, ["sh", "-c", script], tmp_path / "one.log", ties=TIES)
    programs.start(NAME, child)
    return child


def family(child):
    assert wait_until(lambda: len(child.tail().split()) == 2, 30)
    return [int(pid) for pid in child.tail().split()]


def state(pid):
    """State of a process, as proc(5) has it; "" when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_a_kill_takes_all_it_has_started(programs, tmp_path):
    pids = family(start(programs, tmp_path, FAMILY))
    programs.kill(NAME)

    assert wait_until(lambda: all(state(pid) in ("", "Z") for pid in pids), 30)


def test_a_stall_holds_the_whole_family_until_it_is_resumed(programs, tmp_path):
    pids = family(start(programs, tmp_path, FAMILY))
    programs.stall(NAME)
    assert wait_until(lambda: all(state(pid) == "T" for pid in pids), 30)
    programs.resume(NAME)

    assert wait_until(lambda: all(state(pid) == "S" for pid in pids), 30)


def test_what_is_killed_stays_down_until_it_is_raised(programs, tmp_path, now):
    child = start(programs, tmp_path, "sleep 100")
    programs.kill(NAME)
    now[0] += 2 * RESTART_S
    programs.look_after()
    assert not child.is_running
    programs.raise_again(NAME)

    assert child.is_running
    assert programs.complaints == []


def test_what_ends_by_itself_is_started_again_after_a_while(programs, tmp_path, now):
    child = start(programs, tmp_path, "exit 2")
    child.end_within(30)
    first = child.pid
    programs.look_after()
    programs.look_after()
    assert child.pid == first
    now[0] += RESTART_S
    programs.look_after()

    assert child.pid != first
    assert programs.complaints == []


@pytest.mark.parametrize("code", [0, 1])
def test_an_end_that_nobody_asked_for_is_complained_of(code, programs, tmp_path):
    child = start(programs, tmp_path, f"echo cannot go on; exit {code}")
    child.end_within(30)
    programs.look_after()

    assert programs.complaints == [f"one ended with exit code {code}: cannot go on"]


def test_an_end_that_is_excused_is_none_and_the_program_comes_again(programs, tmp_path, now):
    child = start(programs, tmp_path, "exit 1")
    programs.excuse(NAME)
    child.end_within(30)
    first = child.pid
    programs.look_after()
    now[0] += RESTART_S
    programs.look_after()

    assert child.pid != first
    assert programs.complaints == []


def test_healing_raises_and_resumes_everything(programs, tmp_path):
    child = start(programs, tmp_path, "sleep 100")
    programs.stall(NAME)
    programs.heal()
    assert wait_until(lambda: state(child.pid) == "S", 30)
    programs.kill(NAME)
    programs.heal()

    assert child.is_running


def test_a_program_that_does_not_stop_in_time_is_complained_of(programs, tmp_path):
    child = start(programs, tmp_path, "trap '' TERM; echo up; while :; do sleep 0.05; done")
    assert wait_until(lambda: child.tail() == "up", 30)
    began = time.monotonic()
    programs.stop(NAME, 0.2)

    assert time.monotonic() - began < 15
    assert programs.complaints == ["one ended with exit code -9: up"]
    assert os.getpid() not in dict(programs.pids()).values()
