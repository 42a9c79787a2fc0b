"""What a bus thread does in a round: the same for sensors that are asked and those that talk."""

from dataclasses import dataclass
from typing import Protocol

from gateway.readings import Observation

PORT_AWAY = "port not there"
BUS_BUSY = "bus busy"
STOPPED = "gateway stopped"
FAULT = "gateway fault"


@dataclass(slots=True)
class Tally:
    """How a bus is doing: polls, or lines of talkers; failures are those that yielded nothing."""

    polls: int = 0
    failures: int = 0


class Worker(Protocol):
    """The sensors of one bus."""

    tally: Tally

    def step(self) -> None:
        """Do what is due now."""

    def abandon(self, reason: str) -> None:
        """Give up what was begun: its slot becomes missing with this reason."""

    def finish(self, reason: str) -> None:
        """Give up whatever is due: there will be no other step."""

    def take(self) -> list[Observation]:
        """Hand over what has been observed since the last call."""

    def idle_s(self) -> float:
        """Tell how long there is nothing to do."""
