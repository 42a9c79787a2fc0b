"""The newest observation of every datastream, as the buses bring them."""

from collections.abc import Callable, Mapping
from threading import Lock

from gateway.readings import Observation

Sink = Callable[[list[Observation]], None]


class Board:
    """Stands between the buses and the outbox, and remembers the newest of each datastream.

    Safe to share by threads. It holds one observation a configured datastream, no history.
    """

    def __init__(self, sink: Sink) -> None:
        """Hand everything on to `sink`."""
        self._sink = sink
        self._lock = Lock()
        self._newest: dict[str, Observation] = {}

    def __call__(self, observations: list[Observation]) -> None:
        """Remember and hand on; raises what the sink raises."""
        with self._lock:
            for one in observations:
                before = self._newest.get(one.datastream)
                if before is None or one.mono_ms >= before.mono_ms:
                    self._newest[one.datastream] = one
        self._sink(observations)

    def newest(self) -> Mapping[str, Observation]:
        """Give the newest observations by datastream."""
        with self._lock:
            return dict(self._newest)
