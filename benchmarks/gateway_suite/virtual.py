"""Time that passes only when somebody waits, and a serial line in it with simulated devices.

Bytes leave at the line's baud rate, ten bits each, one message behind the other, as
`firmware_sim.host` makes them do; each message is handed over whole when its last byte is there, as
an adapter with a buffer does. A week of it takes as long as its work, not its waits.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from types import TracebackType
from typing import Protocol, Self

from firmware_sim.devices.base import Answer, Bus, Send

_BITS_PER_BYTE = 10

Record = Callable[[Answer, float], None]
"""Hears each answer that the gateway has taken, and when its last byte arrived (s)."""


class VirtualTime:
    """Seconds since the Unix epoch; nobody but its users moves it."""

    def __init__(self, now_s: float) -> None:
        """Begin at an instant."""
        self._now_s = now_s

    def now_s(self) -> float:
        """Tell the time."""
        return self._now_s

    def now_ns(self) -> int:
        """Tell it in nanoseconds."""
        return round(self._now_s * 1e9)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._now_s += max(0.0, seconds)

    def pass_to(self, instant_s: float) -> None:
        """Let time pass up to an instant, unless it is past."""
        self._now_s = max(self._now_s, instant_s)


class NeverStop(Event):
    """The wish to stop, which nobody has: to wait for it is to let virtual time pass."""

    def __init__(self, clock: VirtualTime) -> None:
        """Wait in `clock`."""
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        """Let time pass; nobody stops us."""
        self._clock.sleep(timeout or 0.0)
        return False


class Meter:
    """Counts the processor's time that is spent within it."""

    def __init__(self) -> None:
        """Count from nothing."""
        self._spent_ns = self._since_ns = 0

    @property
    def spent_s(self) -> float:
        """Tell what was spent."""
        return self._spent_ns / 1e9

    def __enter__(self) -> Self:
        """Begin to count."""
        self._since_ns = time.process_time_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._spent_ns += time.process_time_ns() - self._since_ns


@dataclass(frozen=True, slots=True)
class _Message:
    ends_at: float
    data: bytes
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class VirtualLine:
    """A line whose adapter is unplugged when `away` says so; `meter` counts what it costs."""

    bus: Bus
    baud: int
    time: VirtualTime
    record: Record
    away: Callable[[float], bool]
    meter: Meter


class Opened(Protocol):
    """What is asked of the settings of a port."""

    @property
    def slice_s(self) -> float:
        """How long a read waits at most."""


class VirtualDevice:
    """The gateway's end of a line, as pyserial gives it."""

    def __init__(self, line: VirtualLine, settings: Opened) -> None:
        """Plug it in; raises OSError while it is away. What was said before is not heard."""
        self._line = line
        self._time = line.time
        self._byte_s = _BITS_PER_BYTE / line.baud
        self._timeout_s = settings.slice_s
        self._queue: deque[_Message] = deque()
        self._buffer = b""
        self._free_at = 0.0
        self.break_condition = False
        self._check()
        now_s = self._time.now_s()
        while self._is_due(now_s):
            line.bus.wake(now_s)

    @property
    def in_waiting(self) -> int:
        """Count the bytes that have arrived; raises OSError when the adapter is gone."""
        with self._line.meter:
            self._turn()
            return len(self._buffer)

    def read(self, size: int = 1) -> bytes:
        """Give up to `size` bytes: wait for the first up to the time-out."""
        with self._line.meter:
            self._turn()
            deadline_s = self._time.now_s() + self._timeout_s
            while not self._buffer and self._time.now_s() < deadline_s:
                self._time.pass_to(min(self._next_s(deadline_s), deadline_s))
                self._turn()
            taken, self._buffer = self._buffer[:size], self._buffer[size:]
            return taken

    def write(self, data: bytes) -> int:
        """Send; the devices hear it when its last byte has left."""
        with self._line.meter:
            self._time.sleep(len(data) * self._byte_s)
            self._turn()
            now_s = self._time.now_s()
            self._enqueue(self._line.bus.receive(data, now_s), now_s)
            return len(data)

    def close(self) -> None:
        """Give it back: it may be opened again."""

    def _check(self) -> None:
        if self._line.away(self._time.now_s()):
            raise OSError(5, "Input/output error")

    def _turn(self) -> None:
        """Let happen what has happened up to now."""
        self._check()
        now_s = self._time.now_s()
        while self._is_due(now_s):
            at_s = self._line.bus.wake_at(now_s) or now_s
            self._enqueue(self._line.bus.wake(at_s), at_s)
        while self._queue and self._queue[0].ends_at <= now_s:
            message = self._queue.popleft()
            self._buffer += message.data
            if message.answer is not None:
                self._line.record(message.answer, message.ends_at)

    def _is_due(self, now_s: float) -> bool:
        at_s = self._line.bus.wake_at(now_s)
        return at_s is not None and at_s <= now_s

    def _enqueue(self, sends: Sequence[Send], now_s: float) -> None:
        for send in sends:
            starts_at = max(now_s + send.delay_s, self._free_at)
            self._free_at = starts_at + len(send.data) * self._byte_s
            self._queue.append(_Message(self._free_at, send.data, send.answer))

    def _next_s(self, otherwise_s: float) -> float:
        """Tell when something next happens: a message is there, or a device speaks by itself."""
        wake_at = self._line.bus.wake_at(self._time.now_s())
        instants = [otherwise_s if wake_at is None else wake_at]
        if self._queue:
            instants.append(self._queue[0].ends_at)
        return min(instants)
