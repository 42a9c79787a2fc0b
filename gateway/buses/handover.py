"""A bus's port, asked for by somebody else for a while: who may have it, and when."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock

from gateway.errors import BusError


class Handover:
    """Stands between who wants a port and the thread that has it. Safe to share by threads.

    The thread looks at `wanted` (why the port is asked for; empty: it is not), gives the port up
    when it can, and says so with `give`; once `wanted` is empty again it may have it back.
    """

    def __init__(self) -> None:
        """Nobody wants it."""
        self._lock = Lock()
        self._given = Event()
        self.wanted = ""

    def give(self) -> None:
        """Say that the port is free for who asked."""
        self._given.set()

    @contextmanager
    def taken(self, reason: str, timeout_s: float) -> Iterator[None]:
        """Have the port; raises BusError when it is not given in time, or somebody else has it."""
        if not self._lock.acquire(blocking=False):
            raise BusError(f"the port is {self.wanted} already: wait until that has ended")
        try:
            self._given.clear()
            self.wanted = reason
            if not self._given.wait(timeout_s):
                raise BusError(
                    f"the bus has not let go of its port within {timeout_s:g} s: try again"
                )
            yield
        finally:
            self.wanted = ""
            self._lock.release()
