"""What every simulated device shares: who it is, where it stands, what it says and when.

A *bus* is one serial line with its devices; it takes bytes and gives bytes, knows no port, thread
or clock, and is told the time (seconds since the Unix epoch) with each call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from typing import NamedTuple, Protocol

from firmware_sim.faults import Ailments, FaultKind
from firmware_sim.world import Surroundings
from wire.catalogue import SensorModel

_IDLE = b"\xff"  # a line on which nobody speaks


@dataclass(frozen=True, slots=True)
class Answer:
    """The values one message carries, as a gateway must read them.

    Keys are property keys of polled sensors and field keys of talkers; values are in the catalogue
    field's unit. What stands for "no value" is in `reasons` instead.
    """

    device: str
    kind: str
    values: Mapping[str, Decimal] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


class Send(NamedTuple):
    """Bytes to put on the line `delay_s` from now, and the answer they carry when complete."""

    delay_s: float
    data: bytes
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """One device as the scenario names it: `name` is thing/sensor."""

    name: str
    model: SensorModel
    surroundings: Surroundings
    address: str = ""
    serial: str = ""
    depth_m: float | None = None
    height_m: float | None = None
    faults: Ailments = field(default_factory=Ailments)

    @property
    def spot(self) -> str:
        """Where it stands: sensors of one thing share a spot."""
        return self.name.partition("/")[0]


def through_faults(setup: Setup, send: Send, now: float) -> Send:
    """Let a device's answer suffer what any kind of device can suffer."""
    if late := setup.faults.struck(FaultKind.LATE, now):
        send = send._replace(delay_s=send.delay_s + late.by_s)
    if setup.faults.struck(FaultKind.GARBAGE, now):
        send = send._replace(data=b"\x07" + send.data)
    return send


def collided(sends: Sequence[Send]) -> list[Send]:
    """Let those that answer one question be heard at once, each a character after the other.

    Where one of them sends a 0 bit the line has a 0 bit; nobody said what is heard then.
    """
    if len(sends) < 2:
        return list(sends)
    late = [_IDLE * number + send.data for number, send in enumerate(sends)]
    length = max(map(len, late))
    heard = reduce(
        lambda one, other: bytes(a & b for a, b in zip(one, other, strict=True)),
        (data.ljust(length, _IDLE) for data in late),
    )
    return [Send(sends[0].delay_s, heard)]


class Polled(Protocol):
    """A device that is asked: `observe` measures all that its catalogue entry has, once."""

    setup: Setup

    def observe(self, now: float) -> Answer:
        """Measure now, as if asked on the bus."""


class Talker(Protocol):
    """A device that speaks once a second without being asked."""

    setup: Setup

    def values(self, second: int) -> Mapping[str, Decimal | None]:
        """Give the numbers of one second by field key; None where it has none."""

    def say(self, second: int) -> list[Send]:
        """Give the lines of one second."""


class Bus(Protocol):
    """The devices' end of one serial line."""

    def receive(self, data: bytes, now: float) -> list[Send]:
        """Take what the gateway wrote; give what the devices answer."""

    def wake_at(self, now: float) -> float | None:
        """Tell when `wake` is next due, or None when only bytes can bring anything about."""

    def wake(self, now: float) -> list[Send]:
        """Give what the devices send on their own."""


class Line(NamedTuple):
    """One serial line: its bus, and the devices on it."""

    bus: Bus
    polled: Sequence[Polled] = ()
    talkers: Sequence[Talker] = ()
