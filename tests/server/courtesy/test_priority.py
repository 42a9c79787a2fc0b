"""A worker goes behind those who answer people, whatever the kernel offers for it."""

import os
import subprocess
import sys

import pytest

from server.courtesy.priority import NICENESS, give_way

PROGRAM = """
import os, sys, threading
from pathlib import Path
from server.courtesy.priority import give_way
give_way(Path(sys.argv[1]))
thread = threading.Thread(target=lambda: print(os.nice(0), os.sched_getscheduler(0)))
thread.start()
thread.join()
"""


def of_a_thread_after(group, **how):
    """Tell niceness and scheduling policy."""
    how = {"start_new_session": True, **how}
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM, group], capture_output=True, check=True, text=True, **how
    )
    return tuple(map(int, said.stdout.split()))


@pytest.mark.parametrize("has_groups", [True, False])
def test_it_becomes_nice_and_interrupts_nobody_and_its_group_is_nice_too(tmp_path, has_groups):
    group = tmp_path / "autogroup" if has_groups else tmp_path / "missing" / "autogroup"

    assert of_a_thread_after(group) == (os.nice(0) + NICENESS, os.SCHED_BATCH)
    assert not has_groups or group.read_text() == str(NICENESS)


def test_what_was_put_behind_by_who_started_it_is_not_put_behind_twice(tmp_path):
    """A worker by its supervisor, or that by a service manager."""

    def put_behind():
        os.nice(NICENESS)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

    found = of_a_thread_after(tmp_path / "autogroup", preexec_fn=put_behind)

    assert found == (os.nice(0) + NICENESS, os.SCHED_BATCH)
    assert (tmp_path / "autogroup").read_text() == str(NICENESS)


def test_the_group_of_a_terminal_stays_as_it_is(tmp_path):
    assert of_a_thread_after(tmp_path / "autogroup", start_new_session=False)[1] == os.SCHED_BATCH
    assert not (tmp_path / "autogroup").exists()


def test_where_that_is_forbidden_it_goes_on(tmp_path):
    """A service manager may filter the call out, and set the priority itself."""

    def refuse(*_wish):
        raise PermissionError(1, "Operation not permitted")

    give_way(tmp_path / "missing" / "autogroup", refuse, refuse)

    assert not (tmp_path / "missing").exists()
