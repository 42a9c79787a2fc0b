"""Lets answers go before ingest: what it does may wait some milliseconds, people do not."""

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
    """Let this process go behind others, and all that it starts; call it before any thread.

    When it wakes it does not interrupt what runs (SCHED_BATCH): it is woken thousands of times a
    second, as a rule where an answer is being written. What is SCHED_BATCH already has been put
    behind by who started it, and is not put behind twice. Where any of this is forbidden, as by a
    service manager that sets it itself, all stays as it is.
    """
    if os.sched_getscheduler(0) != os.SCHED_BATCH:
        with suppress(OSError):
            lower(NICENESS)
        with suppress(OSError):
            set_policy(0, os.SCHED_BATCH, os.sched_param(0))
    if os.getsid(0) == os.getpid():  # else it is a terminal's group, with whatever else runs there
        with suppress(OSError):
            group.write_text(str(NICENESS), encoding="ascii")
