"""Lets the threads of one process take turns: each waits for sockets many times a second."""

import gc
import sys

_SWITCH_S = 0.0005
# What comes and goes with a batch or an answer makes no cycles: looking for them so often finds
# nothing.
_GARBAGE_AFTER = 50_000


def take_turns() -> None:
    """Have who has something to do wait less for who computes; call it once all is loaded.

    Python lets whoever computes go on for 5 ms while another thread has something to do, and looks
    for garbage among all that the program ever loaded.
    """
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()
    gc.set_threshold(_GARBAGE_AFTER, *gc.get_threshold()[1:])
