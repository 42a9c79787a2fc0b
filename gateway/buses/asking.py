"""Questions that a person puts to a sensor between its slots, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from gateway.readings import Reading


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question at an instant of the monotonic clock.

    `readings` are those of the sensor as it answered; none where it could not be asked, and
    `reason` says why.
    """

    mono_ms: int
    readings: Sequence[Reading] = ()
    reason: str = ""


class Questions:
    """The questions to the sensors of one bus, by place (thing/sensor). Safe to share by threads.

    A question that waits is not put twice; of the answers the newest of each sensor is kept.
    """

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self._lock = Lock()
        self._waiting: dict[str, None] = {}
        self._answers: dict[str, Answer] = {}

    def put(self, place: str) -> None:
        """Ask a sensor as soon as its bus has time."""
        with self._lock:
            self._waiting[place] = None

    def waiting(self) -> list[str]:
        """Name the sensors that are to be asked, or being asked, the first asked for first."""
        with self._lock:
            return list(self._waiting)

    def answer(self, place: str, answer: Answer) -> None:
        """Answer the question to a sensor, if there is one."""
        with self._lock:
            if place in self._waiting:
                del self._waiting[place]
                self._answers[place] = answer

    def newest(self, place: str) -> Answer | None:
        """Give the newest answer of a sensor."""
        with self._lock:
            return self._answers.get(place)
