"""A clock that is set at will: the program sees it, and what the kernel is made to say of it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.chaos_suite.faults.clocks import SettableClock
from deploy.ports import wait_until

TOLD = """
import sys, time
from gateway.clock import kernel_synchronised, monotonic_ns
for _ in sys.stdin:
    began = time.monotonic()
    time.sleep(0.001)
    print(time.time(), monotonic_ns(), kernel_synchronised(), time.monotonic() - began, flush=True)
"""


@pytest.fixture
def clock(tmp_path):
    one = SettableClock(tmp_path / "clock")
    one.prepare()
    yield one
    one.close()


@pytest.fixture
def program(clock):
    command = clock.command([sys.executable, "-c", TOLD])
    environment = dict(clock.environment())
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment) as process:
        yield process
        process.kill()


def ask(program):
    """Give how far its wall clock is from ours, in seconds, its monotonic clock, and the rest.

    What took long to say, as on a busy machine or at its start, tells little of now: it is asked
    again.
    """
    for _ in range(20):
        begun_s = time.monotonic()
        program.stdin.write("\n")
        program.stdin.flush()
        wall, mono, kept, slept = program.stdout.readline().split()
        found = float(wall) - time.time(), int(mono), kept == "True", float(slept)
        if time.monotonic() - begun_s < 0.5:
            break
    return found


def test_at_first_it_is_right_and_kept(program):
    shift_s, _, kept, slept_s = ask(program)

    assert abs(shift_s) < 1
    assert kept
    assert slept_s < 1


@pytest.mark.parametrize("step_s", [-14 * 86_400 + 0.5, 3 * 365 * 86_400, 2400.25])
def test_it_can_be_set_wrong_and_right_while_the_program_runs(step_s, clock, program):
    _, before, _, _ = ask(program)
    clock.set_wrong(step_s)
    shift_s, after, kept, _ = ask(program)
    assert abs(shift_s - step_s) < 1
    assert not kept
    assert 0 < after - before < 10e9
    clock.set_right()
    shift_s, _, kept, _ = ask(program)

    assert abs(shift_s) < 1
    assert kept


def test_a_program_that_starts_again_finds_the_clock_as_it_is(clock, program):
    ask(program)
    program.kill()
    program.wait()
    clock.set_wrong(-90)
    command = clock.command([sys.executable, "-c", TOLD])
    environment = dict(clock.environment())
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment) as second:
        shift_s, _, kept, _ = ask(second)
        second.kill()

    assert abs(shift_s + 90) < 1
    assert not kept


def test_the_process_that_is_started_becomes_the_program(program):
    ask(program)

    command = Path(f"/proc/{program.pid}/cmdline")
    assert wait_until(lambda: b"launch" not in command.read_bytes(), 30)
