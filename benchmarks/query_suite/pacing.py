"""Gateways that send at a steady rate while questions are asked; a process of its own.

They stand for machines elsewhere: what they take of this one goes behind all that is measured.
"""

import os
import selectors
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

from benchmarks.ingest_suite import packets
from benchmarks.ingest_suite.sender import MAX_IN_FLIGHT, Sender
from benchmarks.ingest_suite.station import Load, variant_of
from deploy.errors import SetupError
from server.courtesy.priority import give_way
from wire import topics

_ANSWER_S = 10.0
_TICK_S = 0.01
_BYTES = 1 << 16
_READY_S = 120.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Send a load to the broker on a loopback port, so many readings a second of all gateways."""

    load: Load
    port: int
    readings_s: float


@dataclass(slots=True)
class _Line:
    sender: Sender
    socket: socket.socket
    held: list[bytes]
    rest: bytes = b""
    due: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Sent:
    """What came of it: readings that receipts confirmed, a second."""

    rate: float = 0.0


@contextmanager
def sending(pace: Pace) -> Iterator[Sent]:
    """Have it sent while the block runs; the rate is known after it. Raises SetupError."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    stop = context.Event()
    process = context.Process(target=_send, args=(pace, theirs, stop), daemon=True)
    process.start()
    theirs.close()
    sent = Sent()
    try:
        if not ours.poll(_READY_S) or ours.recv() != "going":
            raise SetupError("the gateways do not send")
        yield sent
        stop.set()
        sent.rate = float(ours.recv())
    except EOFError:
        raise SetupError("the gateways have ended: did the broker stop?") from None
    finally:
        process.terminate()
        process.join()
        process.close()
        ours.close()


def _send(pace: Pace, pipe: Connection, stop: Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C: our parent ends us
    os.setsid()
    give_way()
    payloads = {variant_of(n): pace.load.payloads(variant_of(n)) for n in range(4)}
    selector = selectors.DefaultSelector()
    lines = []
    for number, name in enumerate(pace.load.gateways):
        due: list[bytes] = []
        sender = Sender(name, pace.load.epoch, due, MAX_IN_FLIGHT)
        line = _Line(sender, _connected(name, pace.port), payloads[variant_of(number)], due=due)
        selector.register(line.socket, selectors.EVENT_READ, line)
        lines.append(line)
    pipe.send("going")
    began_s, allowed = time.monotonic(), 0
    while not stop.is_set():
        seconds = time.monotonic() - began_s
        wanted = int(seconds * pace.readings_s / pace.load.batch_readings)
        while allowed < wanted:
            line = lines[allowed % len(lines)]
            if len(line.due) < len(line.held):
                line.due.append(line.held[len(line.due)])
                _write(line, line.sender.due())
            allowed += 1
        for key, _ in selector.select(_TICK_S):
            _hear(key.data)
    seconds = time.monotonic() - began_s
    confirmed = sum(line.sender.confirmed for line in lines)
    pipe.send(confirmed * pace.load.batch_readings / seconds)


def _hear(line: _Line) -> None:
    data = line.socket.recv(_BYTES)
    if not data:
        raise ConnectionError("the broker closed the connection")
    _write(line, line.sender.feed(data) + line.sender.due())


def _write(line: _Line, data: bytes) -> None:
    """Send what the kernel takes; the rest with what comes next."""
    line.rest += data
    try:
        taken = line.socket.send(line.rest) if line.rest else 0
    except BlockingIOError:
        taken = 0
    line.rest = line.rest[taken:]


def _connected(gateway: str, port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), _ANSWER_S)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for packet, answer in (
        (packets.connect(gateway), 4),
        (packets.subscribe(topics.receipt(gateway)), 5),
    ):
        line.sendall(packet)
        if len(line.recv(answer)) != answer:
            raise ConnectionError("the broker does not answer")
    line.settimeout(0)
    return line
