"""Child processes: stopped in time, and gone when we are."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from deploy.children import STOP_TIMEOUT_S, Child
from deploy.ports import wait_until


def child(tmp_path, script, **options):
    return Child("child", ["sh", "-c", script], tmp_path / "child.log", **options)


def test_its_output_goes_to_its_log(tmp_path):
    one = child(tmp_path, "echo one; echo two >&2")
    one.start()
    one.end_within(30)

    assert one.exit_code() == 0
    assert one.tail() == "one\ntwo"


def test_a_stubborn_one_is_ended_by_force(tmp_path):
    one = child(tmp_path, "trap '' TERM; echo up; while :; do sleep 0.05; done")
    one.start()
    assert wait_until(lambda: one.tail() == "up", 30)
    began = time.monotonic()
    one.stop(timeout_s=0.3)

    assert one.exit_code() == -signal.SIGKILL
    assert time.monotonic() - began < STOP_TIMEOUT_S


def test_stopping_twice_or_before_the_start_is_fine(tmp_path):
    one = child(tmp_path, "sleep 60")
    one.stop()
    one.start()
    one.stop()
    one.stop()

    assert one.exit_code() == -signal.SIGTERM


def test_it_has_its_own_session(tmp_path):
    """So that a Ctrl-C in the terminal reaches only the runner."""
    one = child(tmp_path, "sleep 60")
    one.start()

    assert os.getsid(one.pid) == one.pid
    one.stop()


def test_it_does_not_outlive_a_killed_parent(tmp_path):
    note = tmp_path / "pid"
    script = (
        "import time; from pathlib import Path; from deploy.children import Child\n"
        f"one = Child('x', ['sleep', '60'], Path('{tmp_path}/x.log')); one.start()\n"
        f"Path('{note}').write_text(str(one.pid)); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    assert wait_until(lambda: note.exists() and note.read_text() != "", 30)
    parent.kill()
    parent.wait()
    pid = int(note.read_text())

    assert wait_until(lambda: not _runs(pid), 30)


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
