"""What is sent: the readings of some channels over a stretch of time, row by row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from wire.catalogue import Statistic

_ADDED_UP = (Statistic.SUM, Statistic.NONZERO_SECONDS)

# By channel: instants in ms and values, in time's order. What any payload must give back.
Readings = Mapping[str, Sequence[tuple[int, Decimal]]]


@dataclass(frozen=True, slots=True)
class Channel:
    """A datastream `thing/sensor/property`; unit (UCUM) and resolution are the catalogue's."""

    name: str
    unit: str
    resolution: Decimal
    statistic: Statistic = Statistic.LAST


@dataclass(frozen=True, slots=True)
class Window:
    """Readings of all channels at the same instants, in ms since the epoch, UTC."""

    channels: Sequence[Channel]
    times_ms: Sequence[int]
    values: Mapping[str, Sequence[Decimal]]

    def __len__(self) -> int:
        """Count the readings."""
        return len(self.channels) * len(self.times_ms)

    def readings(self) -> Readings:
        """Give what must come back."""
        return {
            one.name: list(zip(self.times_ms, self.values[one.name], strict=True))
            for one in self.channels
        }

    def hours(self, rows: int) -> list["Window"]:
        """Cut it into windows of so many rows."""
        return [self._cut(start, start + rows) for start in range(0, len(self.times_ms), rows)]

    def every(self, rows: int) -> "Window":
        """Read less often: once in so many rows, at the last of them; sums are of all of them."""
        return Window(
            self.channels,
            self.times_ms[rows - 1 :: rows],
            {one.name: _seldom(one, self.values[one.name], rows) for one in self.channels},
        )

    def _cut(self, start: int, end: int) -> "Window":
        columns = {name: column[start:end] for name, column in self.values.items()}
        return Window(self.channels, self.times_ms[start:end], columns)


@dataclass(frozen=True, slots=True)
class Codec:
    """One way to send a window: as messages, and what a receiver makes of one of them.

    A receiver knows the channels, as from our inventory or from a Sparkplug birth.
    """

    name: str
    write: Callable[[Window], Sequence[bytes]]
    read: Callable[[bytes, Sequence[Channel]], Readings]


def json_number(value: Decimal) -> float:
    """Give a number that JSON prints with as few digits as the value needs."""
    return int(value) if value == value.to_integral_value() else float(value)


def _seldom(channel: Channel, column: Sequence[Decimal], rows: int) -> Sequence[Decimal]:
    if channel.statistic not in _ADDED_UP:
        return column[rows - 1 :: rows]
    return [sum(column[start : start + rows], Decimal(0)) for start in range(0, len(column), rows)]
