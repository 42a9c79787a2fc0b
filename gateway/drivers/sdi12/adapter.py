"""What stands between a serial port and an SDI-12 bus, and how much of the protocol it takes over.

The default fits what DiscoverCCRI/sdi-12-data-collector and other loggers do with USB adapters:
9600 8N1, `0M!` out, a line in. The adapter makes the break and keeps the timing of its 1200 baud.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class AdapterKind(StrEnum):
    """The value of `adapter` in a [[bus]] table."""

    LINE = "line"  # takes `0M!` as it is, makes the break, gives a line back
    LINE_CR = "line-cr"  # the same, but a command ends with CR after its `!`
    LINE_BOOTS = "line-boots"  # starts when its port is opened (Arduino) and says a banner then
    UART = "uart"  # only changes levels: break, 1200 baud and retries are ours


@dataclass(frozen=True, slots=True)
class Adapter:
    """What an adapter is able to do. `start_s` is how long it takes to start at an opened port."""

    baud: int = 9600
    frame: str = "8N1"
    ending: bytes = b""
    start_s: float = 0.0
    host_breaks: bool = False


ADAPTERS: Mapping[AdapterKind, Adapter] = {
    AdapterKind.LINE: Adapter(),
    AdapterKind.LINE_CR: Adapter(ending=b"\r"),
    AdapterKind.LINE_BOOTS: Adapter(start_s=2.5),
    AdapterKind.UART: Adapter(baud=1200, frame="7E1", host_breaks=True),  # v1.4, 4.1
}
