"""What a driver may do: ask and get bytes, or wait. It never touches a port or a clock."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from gateway.codecs.sdi12 import Identity
from gateway.readings import Reading

T = TypeVar("T")

Until: TypeAlias = Callable[[bytes], int]
"""Tells how many bytes of a buffer end with a complete answer; 0 while there is none."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request and take the answer. An empty request only listens on.

    The answer ends where `until` says so, after `timeout_s`, when the line has been quiet for
    `quiet_s` since its last byte, or when no byte has come within `begin_s`: then the conversation
    gets what there was, perhaps nothing. With `wakes` a break goes before the request.
    """

    request: bytes
    until: Until
    timeout_s: float
    quiet_s: float | None = None
    begin_s: float | None = None
    wakes: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Let the sensor work. With `others`, other sensors of the bus may be asked meanwhile.

    `Wait(0, others=True)` lets those go first whose turn has come: for use between two tries.
    """

    seconds: float
    others: bool = False


Step: TypeAlias = Ask | Wait
Conversation: TypeAlias = Generator[Step, bytes, T]


def hold(conversation: Conversation[T], do: Callable[[Step], bytes]) -> T:
    """Carry a conversation to its end; `do` takes one step and gives what it brought."""
    try:
        step = next(conversation)
        while True:
            step = conversation.send(do(step))
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        conversation.close()


class PolledDriver(Protocol):
    """A sensor that speaks when it is asked."""

    @property
    def identity(self) -> Identity | None:
        """Who answers at the address, where the protocol can tell and it has told."""

    def poll(self) -> Conversation[list[Reading]]:
        """Read every field of the sensor once; what could not be had is missing, with its reason.

        Raises nothing but what the port throws in.
        """


class Talker(Protocol):
    """A sensor that speaks by itself, a line at a time."""

    def read(self, line: bytes) -> list[Reading]:
        """Read one line; empty when it is of another sensor. Raises FrameError when damaged."""
