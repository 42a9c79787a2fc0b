"""Waits for a point of a program's work, and holds the work there. Pure but for a lock."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.chaos_suite.points.events import Event, Thread, Way, What
from benchmarks.chaos_suite.points.taps import Passage
from benchmarks.chaos_suite.points.witness import Witness

DISK = (What.WRITE, What.SYNC, What.SYNCED)


@dataclass(frozen=True, slots=True)
class Sight:
    """An event to wait for, on the wire or the disk of `peer`; None for any."""

    what: What
    peer: str
    way: Way | None = None
    thread: Thread | None = None

    def matches(self, event: Event) -> bool:
        """Tell whether an event is one of these."""
        return (
            (event.what, event.peer) == (self.what, self.peer)
            and self.way in (None, event.way)
            and self.thread in (None, event.thread)
        )


class Trap:
    """Springs when `steps` have been seen in their order for the `count`-th time.

    What `withheld` names waits meanwhile, unless it is the next step. `passes`: whether the last
    step's message still goes on to its receiver.
    """

    def __init__(
        self,
        steps: Sequence[Sight],
        count: int,
        *,
        withheld: Sight | None = None,
        passes: bool = False,
    ) -> None:
        """Begin with nothing seen."""
        self.sprung_by: Event | None = None
        self._steps = steps
        self._left = count
        self._next = 0
        self._withheld = withheld
        self._then = Passage.PASS_THEN_HOLD if passes else Passage.HOLD

    def judge(self, event: Event) -> Passage:
        """Say what becomes of an event's message."""
        if self.sprung_by is None and self._steps[self._next].matches(event):
            return self._advance(event)
        if self._withheld is not None and self._withheld.matches(event):
            return Passage.WAIT
        return Passage.PASS

    def _advance(self, event: Event) -> Passage:
        self._next += 1
        if self._next < len(self._steps):
            return Passage.PASS
        self._next = 0
        self._left -= 1
        if self._left:
            return Passage.PASS
        self.sprung_by = event
        return self._then


class Gate:
    """Where all events come together: the trap that is set judges them, the witness looks on."""

    def __init__(self, witness: Witness) -> None:
        """Let all pass, at first."""
        # Held while a trap springs, and while programs are looked after.
        self.lock = threading.Lock()
        self.witness = witness
        self.on_change: Callable[[], None] = _nothing  # what waits may be the next step now
        self.publishing: set[str] = set()  # who has published a batch since this was cleared
        self._trap: Trap | None = None

    def set(self, trap: Trap | None) -> None:
        """Set a trap, or take it away."""
        with self.lock:
            self._trap = trap
        self.on_change()

    @property
    def is_sprung(self) -> bool:
        """Tell whether the trap that is set has sprung."""
        return self._trap is not None and self._trap.sprung_by is not None

    def judge(self, event: Event, kill: Callable[[], None] | None = None) -> Passage:
        """Say what becomes of an event's message; at a disk, kill at once when the trap springs."""
        with self.lock:
            passage = Passage.PASS if self._trap is None else self._trap.judge(event)
            if passage is not Passage.WAIT:
                self.witness.note(event)
            if event.what is What.PUBLISH:
                self.publishing.add(event.peer)
            if kill is not None and passage is Passage.HOLD:
                kill()
        if passage is not Passage.WAIT:
            self.on_change()
        return passage


def _nothing() -> None:
    return
