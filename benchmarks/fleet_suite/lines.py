"""The connections of all simulated gateways, by one selector: opened at a pace, opened anew."""

import heapq
import selectors
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from benchmarks.fleet_suite.gateway import Gateway

# As gateways do it (gateway/uplink/loop.py): any wait up to a ceiling that doubles.
_FLOOR_S, _FIRST_S, _LONGEST_S = 0.25, 1.0, 30.0
_BYTES = 1 << 16


@dataclass(slots=True)
class Line:
    """A gateway's connection, and what the kernel has not taken yet."""

    gateway: Gateway
    link: socket.socket | None = None
    rest: bytes = b""
    failures: int = 0


@dataclass(slots=True)
class Lines:
    """All of them, to the broker on a loopback port; `clock` gives seconds, monotonic."""

    port: int
    gateways: Sequence[Gateway]
    random: Random
    clock: Callable[[], float]
    lines: list[Line] = field(default_factory=list)
    lost: int = 0
    _selector: selectors.DefaultSelector = field(default_factory=selectors.DefaultSelector)
    _waiting: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Prepare a line for each gateway; none is opened."""
        self.lines = [Line(one) for one in self.gateways]

    def open(self, number: int) -> None:
        """Begin to connect a gateway."""
        line = self.lines[number]
        line.link = made = socket.socket()
        made.settimeout(0)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.connect_ex(("127.0.0.1", self.port))
        line.rest = line.gateway.hello()
        # Writable once it is connected; what goes wrong shows there as well.
        wanted = selectors.EVENT_READ | selectors.EVENT_WRITE
        self._selector.register(made, wanted, number)

    def write(self, number: int, data: bytes) -> None:
        """Send what the kernel takes; the rest when it takes more."""
        line = self.lines[number]
        if line.link is None or not data:
            return
        waited = bool(line.rest)
        line.rest += data
        if not waited:
            self._push(number, line)

    def turn(self, timeout_s: float) -> None:
        """Read and write whatever is ready, and open what is to be opened anew by now."""
        self._reopen()
        for key, events in self._selector.select(timeout_s):
            number: int = key.data
            line = self.lines[number]
            if events & selectors.EVENT_READ:
                self._pull(number, line)
            if events & selectors.EVENT_WRITE and line.link is not None:
                self._push(number, line)

    def close(self) -> None:
        """Close all."""
        for line in self.lines:
            if line.link is not None:
                line.link.close()
        self._selector.close()

    def _reopen(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.clock():
            self.open(heapq.heappop(self._waiting)[1])

    def _pull(self, number: int, line: Line) -> None:
        if line.link is None:
            return
        try:
            data = line.link.recv(_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose(number, line)
            return
        self.write(number, line.gateway.feed(data, self.clock()))
        if line.gateway.is_online:
            line.failures = 0

    def _push(self, number: int, line: Line) -> None:
        if line.link is None:
            return
        try:
            taken = line.link.send(line.rest) if line.rest else 0
        except BlockingIOError:
            taken = 0
        except OSError:
            self._lose(number, line)
            return
        line.rest = line.rest[taken:]
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.rest else 0)
        if self._selector.get_key(line.link).events != wanted:
            self._selector.modify(line.link, wanted, number)

    def _lose(self, number: int, line: Line) -> None:
        """Close a connection that broke, and have it opened again after a while."""
        if line.link is None:
            return
        self._selector.unregister(line.link)
        line.link.close()
        line.link, line.rest = None, b""
        self.lost += 1
        line.gateway.lose()
        ceiling_s = min(_LONGEST_S, _FIRST_S * 2.0 ** min(line.failures, 10))
        line.failures += 1
        delay_s = self.random.uniform(_FLOOR_S, ceiling_s)
        heapq.heappush(self._waiting, (self.clock() + delay_s, number))
