"""SIGKILL at named points of a program's work, seen from outside: on its wires and at its disk.

`events` names what can be seen; `mqtt` and `postgres` understand the wires that `taps` relays and
`disk` follows strace; a `trap` waits for a point of the `catalogue`, and `run` does the killing.
"""

from benchmarks.chaos_suite.points.catalogue import POINTS, names
from benchmarks.chaos_suite.points.run import STRIKES, perform_point

__all__ = ["POINTS", "STRIKES", "names", "perform_point"]
