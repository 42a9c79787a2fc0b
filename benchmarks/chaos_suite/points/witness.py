"""Does anyone say or take more than is true? Judged on the wire, all through a run. Pure.

A batch that is acknowledged, or taken for confirmed, too early is lost only when a program dies in
the right moment and nobody asks for it again. This sees it each time.
"""

from collections.abc import Callable, Iterable

from benchmarks.chaos_suite.points.events import Event, Way, What
from benchmarks.chaos_suite.schedule import BROKER

_SAID = (What.PUBACK, What.RECEIPT)
_KEPT = (What.COMMIT_DONE, What.COMMIT_UNKNOWN)
_MAX_EXAMPLES = 5


class Witness:
    """Follows which batches are committed, what the server says of them, and who is told.

    In the full profile commits are seen on the wire. In the embedded one `is_stored` tells of a
    batch whether the server's file has it.
    """

    def __init__(self, is_stored: Callable[[str], bool] | None = None) -> None:
        """Begin before the first batch."""
        self.found: list[str] = []
        self._is_stored = is_stored
        self._committed: set[str] = set()
        self._confirmed: set[str] = set()

    def note(self, event: Event) -> None:
        """Take in one event, in the order of the wire."""
        if event.what in _KEPT:
            self._committed.update(event.topics)
        elif (event.peer, event.way) == (BROKER, Way.UP) and event.what in _SAID:
            self._tell(f"{event.what} by the server before its commit", self._early(event.topics))
        elif event.what is What.RECEIPT and event.way is Way.DOWN:
            self._confirmed.update(event.topics)
            if self._is_stored is not None:
                lacking = [topic for topic in event.topics if not self._is_stored(topic)]
                self._tell(f"{event.what} by the server before its commit", lacking)

    def compare(self, confirmed: Iterable[str]) -> None:
        """Take in what gateways hold for confirmed: nothing without a receipt."""
        surplus = sorted(topic for topic in confirmed if topic not in self._confirmed)
        self._tell("confirmed in the outbox without a receipt", surplus)

    def _early(self, told: Iterable[str]) -> list[str]:
        return [topic for topic in told if topic not in self._committed]

    def _tell(self, what: str, batches: list[str]) -> None:
        if batches and len(self.found) < _MAX_EXAMPLES:
            self.found.append(f"{what}: {batches[0]}")
