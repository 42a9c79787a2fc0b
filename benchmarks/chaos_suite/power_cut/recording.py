"""Records what a real outbox asks of its disk, below SQLite: its process runs under strace."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.chaos_suite.power_cut import driver
from benchmarks.chaos_suite.power_cut.operations import Operation
from benchmarks.chaos_suite.power_cut.trace import CALLS, read
from deploy.errors import SetupError

_ROOT = Path(__file__).resolve().parents[3]
_TIMEOUT_S = 60
_WHOLE = 2**24  # bytes of one write that strace shows


def record(seed: int, folder: Path) -> list[Operation]:
    """Lead an outbox through its life in `folder`; give all it did and told, in order.

    Raises SetupError when strace is not there, or may not trace.
    """
    data, told_to = folder / "recorded", folder / "told"
    data.mkdir(parents=True)
    traces = [folder / f"trace-{number}" for number in range(len(driver.PARTS))]
    for number, trace in enumerate(traces):
        _run_part(number, trace, data, told_to, seed)
    operations = list(read(_lines(traces), str(data.resolve()), str(told_to.resolve())))
    for trace in traces:
        trace.unlink()  # some hundred megabytes
    return operations


def _run_part(number: int, trace: Path, data: Path, told_to: Path, seed: int) -> None:
    strace = shutil.which("strace")
    if strace is None:
        raise SetupError("strace is not installed: run bin/prepare test, or apt install strace")
    watch = (strace, "-f", "-y", "-xx", "-s", str(_WHOLE), "-e", f"trace={CALLS}", "-o", str(trace))
    program = (sys.executable, "-m", driver.__name__, str(data), str(told_to), str(seed))
    done = subprocess.run(
        (*watch, *program, str(number)),
        cwd=_ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode not in driver.ENDINGS:
        raise SetupError(
            f"part {number} of the recorded process ended with {done.returncode}: {done.stderr}; "
            "may this user trace processes (/proc/sys/kernel/yama/ptrace_scope, seccomp)?"
        )


def _lines(traces: list[Path]) -> Iterator[str]:
    for trace in traces:
        with trace.open(encoding="ascii", errors="replace") as file:
            yield from file
