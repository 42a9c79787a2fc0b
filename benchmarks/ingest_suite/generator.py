"""The load generator: a process of its own in which all gateways send, each by its connection.

It makes its payloads, says that it is ready, and waits to be told to go. It speaks MQTT by itself,
over plain sockets: what it costs is taken from the server, which runs on the same machine.
"""

import selectors
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from benchmarks.ingest_suite import packets
from benchmarks.ingest_suite.sender import Sender
from benchmarks.ingest_suite.station import Load, variant_of
from wire import topics

_CONNACK = b"\x20\x02\x00\x00"
_SUBACK = b"\x90\x03\x00\x01\x01"
_ANSWER_S = 10.0
_TICK_S = 0.05
_BYTES = 1 << 16

READY = "ready"
GO = "go"


@dataclass(frozen=True, slots=True)
class Order:
    """What to send, for how many seconds, to the broker on a loopback port; `window`: at first."""

    load: Load
    port: int
    seconds: float
    window: int


@dataclass(frozen=True, slots=True)
class Published:
    """When the first batch went out, on the monotonic clock, and how many of each gateway did."""

    first_s: float
    batches: Sequence[int]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """How many batches receipts have confirmed, and what was said of those that were refused."""

    batches: int
    refused: Sequence[str]


def generate(order: Order, pipe: Connection) -> None:
    """Send as ordered; tells READY, Published and Confirmed, or why it could not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C: our parent ends us
    variants = {variant_of(number) for number in range(len(order.load.gateways))}
    payloads = {variant: order.load.payloads(variant) for variant in variants}
    senders = [
        Sender(name, order.load.epoch, payloads[variant_of(number)], order.window)
        for number, name in enumerate(order.load.gateways)
    ]
    try:
        _Sending(order, pipe, senders).perform()
    except OSError as error:
        pipe.send(f"the load generator lost the broker: {error}")


@dataclass(slots=True)
class _Line:
    """A gateway's connection, and what the kernel has not taken yet."""

    sender: Sender
    socket: socket.socket
    rest: bytes = b""


@dataclass(slots=True)
class _Sending:
    order: Order
    pipe: Connection
    senders: Sequence[Sender]
    lines: list[_Line] = field(default_factory=list)
    selector: selectors.DefaultSelector = field(default_factory=selectors.DefaultSelector)

    def perform(self) -> None:
        self.lines = [_Line(one, _connected(one, self.order.port)) for one in self.senders]
        for line in self.lines:
            self.selector.register(line.socket, selectors.EVENT_READ, line)
        self.pipe.send(READY)
        self.pipe.recv()
        first_s = self._send()
        self.pipe.send(Published(first_s, [one.sent for one in self.senders]))
        while not all(one.is_idle for one in self.senders):
            self._turn(sending=False)
        refused = [reason for one in self.senders for reason in one.refused]
        self.pipe.send(Confirmed(sum(one.confirmed for one in self.senders), refused))

    def _send(self) -> float:
        """Send for as long as ordered or there is something; gives the instant of the first."""
        first_s = time.monotonic()
        for line in self.lines:
            self._write(line, line.sender.due())
        while time.monotonic() - first_s < self.order.seconds and self._has_more():
            self._turn(sending=True)
        return first_s

    def _has_more(self) -> bool:
        return any(one.sent < len(one.payloads) for one in self.senders)

    def _turn(self, *, sending: bool) -> None:
        for key, events in self.selector.select(_TICK_S):
            line: _Line = key.data
            if events & selectors.EVENT_READ:
                data = line.socket.recv(_BYTES)
                if not data:
                    raise ConnectionError("it closed the connection")
                answer = line.sender.feed(data)
                self._write(line, answer + (line.sender.due() if sending else b""))
            elif events & selectors.EVENT_WRITE:
                self._write(line, b"")

    def _write(self, line: _Line, data: bytes) -> None:
        """Send what the kernel takes; the rest when it takes more."""
        line.rest += data
        try:
            taken = line.socket.send(line.rest) if line.rest else 0
        except BlockingIOError:
            taken = 0
        line.rest = line.rest[taken:]
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.rest else 0)
        self.selector.modify(line.socket, wanted, line)


def _connected(sender: Sender, port: int) -> socket.socket:
    """Connect a gateway and subscribe to its receipts."""
    line = socket.create_connection(("127.0.0.1", port), _ANSWER_S)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.sendall(packets.connect(sender.gateway))
    _expect(line, _CONNACK)
    line.sendall(packets.subscribe(topics.receipt(sender.gateway)))
    _expect(line, _SUBACK)
    line.settimeout(0)
    return line


def _expect(line: socket.socket, answer: bytes) -> None:
    got = line.recv(len(answer))
    if got != answer:
        raise ConnectionError(f"it answers {got.hex(' ')}")
