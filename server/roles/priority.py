"""Lets answers go before ingest: what a worker does may wait some milliseconds, people do not."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# A third of the share of what is not nice, where both want a processor (sched(7)).
NICENESS = 5
# Where the kernel puts each session into a group of its own, niceness counts only within it.
_GROUP = Path("/proc/self/autogroup")


def give_way(
    group: Path = _GROUP,
    lower: Callable[[int], object] = os.nice,
    set_policy: Callable[[int, int, os.sched_param], object] = os.sched_setscheduler,
) -> None:
    """Let this process, whose session is its own, go behind others; call it before any thread.

    When it wakes it does not interrupt what runs (SCHED_BATCH): it is woken thousands of times a
    second, as a rule where an answer is being written. Where any of this is forbidden, as by a
    service manager that sets it itself, all stays as it is.
    """
    with suppress(OSError):
        lower(NICENESS)
    with suppress(OSError):
        group.write_text(str(NICENESS), encoding="ascii")
    with suppress(OSError):
        set_policy(0, os.SCHED_BATCH, os.sched_param(0))
