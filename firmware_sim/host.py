"""Serial ports for simulated buses: one pseudo-terminal each, all served by one thread.

Bytes leave at the line's baud rate, ten bits each. The port stays open on our side, so a gateway
may come and go. Nobody reading is no reason to wait: what a full buffer cannot take is dropped
whole and is not truth, as on a wire that ends nowhere.
"""

import fcntl
import os
import select
import struct
import termios
import threading
import tty
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

import structlog

from firmware_sim.devices.base import Answer, Bus, Send
from wire.errors import ConfigError

HOST_FAILED = "sim_host_failed"
_BITS_PER_BYTE = 10
_STEP_S = 0.004  # how finely bytes are paced; a UART's buffer is coarser
_READ_BYTES = 4096
_BUFFER_BYTES = 4095  # N_TTY_BUF_SIZE less one: what Linux keeps for a reader
_STOP_S = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PortPlan:
    """A bus, how fast its line is, and the path that should lead to its port."""

    bus_id: str
    bus: Bus
    baud: int
    link: Path | None = None


@dataclass(slots=True)
class _Outgoing:
    starts_at: float
    data: bytes
    answer: Answer | None
    sent: int = 0


class _Port:
    """One pseudo-terminal and what is on its way out."""

    def __init__(self, plan: PortPlan, record: Callable[[Answer, int], None]) -> None:
        self.plan = plan
        self._record = record
        self._byte_s = _BITS_PER_BYTE / plan.baud
        self._queue: deque[_Outgoing] = deque()
        self._free_at = 0.0
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self._slave)

    def hear(self, now: float) -> None:
        """Take what the gateway wrote and let the devices answer."""
        with suppress(BlockingIOError):
            self._enqueue(self.plan.bus.receive(os.read(self.master, _READ_BYTES), now), now)

    def turn(self, now: float) -> None:
        """Do what is due."""
        wake_at = self.plan.bus.wake_at(now)
        if wake_at is not None and wake_at <= now:
            self._enqueue(self.plan.bus.wake(now), now)
        while self._queue and self._transmit(self._queue[0], now):
            self._queue.popleft()

    def next_at(self, now: float) -> float:
        """Tell when `turn` has something to do."""
        wake_at = self.plan.bus.wake_at(now)
        due = inf if wake_at is None else wake_at
        if self._queue:
            due = min(due, max(self._queue[0].starts_at, now + _STEP_S))
        return due

    def close(self) -> None:
        os.close(self.master)
        os.close(self._slave)

    def _enqueue(self, sends: Sequence[Send], now: float) -> None:
        for send in sends:
            starts_at = max(now + send.delay_s, self._free_at)
            self._free_at = starts_at + len(send.data) * self._byte_s
            self._queue.append(_Outgoing(starts_at, send.data, send.answer))

    def _transmit(self, message: _Outgoing, now: float) -> bool:
        """Write the bytes whose time has come; True when done with the message."""
        if now < message.starts_at:
            return False
        if message.sent == 0 and self._unread() + len(message.data) > _BUFFER_BYTES:
            return True
        due = int((now - message.starts_at) / self._byte_s)
        wanted = message.data[message.sent : due]
        try:
            written = os.write(self.master, wanted) if wanted else 0
        except BlockingIOError:
            return True
        message.sent += written
        if message.sent == len(message.data) and message.answer is not None:
            self._record(message.answer, round(now * 1000))
        return message.sent == len(message.data) or written < len(wanted)

    def _unread(self) -> int:
        """Count the bytes that no gateway has read yet."""
        answer = fcntl.ioctl(self._slave, termios.FIONREAD, struct.pack("i", 0))
        return int(struct.unpack("i", answer)[0])


class Host:
    """All ports of a simulation. `clock` gives seconds since the epoch and must never step."""

    def __init__(
        self,
        plans: Sequence[PortPlan],
        clock: Callable[[], float],
        record: Callable[[Answer, int], None],
        on_failure: Callable[[], None],
    ) -> None:
        """Plan the ports; nothing is opened before `start`.

        `on_failure` is called on the host's thread when it dies of a bug, which it then logs.
        """
        self._plans = plans
        self._clock = clock
        self._record = record
        self._ports: list[_Port] = []
        self._links: list[_Port] = []
        self._stop_reader, self._stop_writer = -1, -1
        self._thread = threading.Thread(target=self._run, name="sim-host", daemon=True)
        self._on_failure = on_failure

    def start(self) -> dict[str, str]:
        """Open the ports and serve them; gives the port path of each bus by its id.

        Raises ConfigError when a link cannot be made; then nothing stays open.
        """
        self._stop_reader, self._stop_writer = os.pipe()
        try:
            for plan in self._plans:
                self._ports.append(_Port(plan, self._record))
                self._make_link(self._ports[-1])
        except ConfigError:
            self._close()
            raise
        self._thread.start()
        return {port.plan.bus_id: port.path for port in self._ports}

    def stop(self) -> None:
        """End within a second: stop serving, remove the links, close the ports."""
        os.write(self._stop_writer, b"x")
        self._thread.join(_STOP_S)
        self._close()

    def _run(self) -> None:
        try:
            self._serve()
        except Exception:  # the top of this thread
            self._on_failure()
            log.exception(HOST_FAILED)

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._stop_reader, select.POLLIN)
        ports = {port.master: port for port in self._ports}
        for descriptor in ports:
            poll.register(descriptor, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(self._pause_ms())}
            if self._stop_reader in ready:
                return
            now = self._clock()
            for descriptor in ready:
                ports[descriptor].hear(now)
            for port in self._ports:
                port.turn(now)

    def _pause_ms(self) -> float | None:
        now = self._clock()
        due = min((port.next_at(now) for port in self._ports), default=inf)
        return None if due == inf else max(0.0, (due - now) * 1000.0)

    def _make_link(self, port: _Port) -> None:
        link = port.plan.link
        if link is None:
            return
        if link.exists() and not link.is_symlink():
            raise ConfigError(
                str(link),
                f"bus '{port.plan.bus_id}': something other than a link is there; "
                "move it away or choose another `link`",
            )
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(port.path)
        except OSError as error:
            raise ConfigError(
                str(link), f"bus '{port.plan.bus_id}': cannot make the link: {error.strerror}"
            ) from None
        self._links.append(port)

    def _close(self) -> None:
        for port in self._links:
            _remove_link(port)
        for port in self._ports:
            port.close()
        for descriptor in (self._stop_reader, self._stop_writer):
            os.close(descriptor)
        self._links, self._ports = [], []


def _remove_link(port: _Port) -> None:
    """Remove our link, not that of another simulation that has taken its place."""
    link = port.plan.link
    with suppress(OSError):
        if link is not None and link.readlink() == Path(port.path):
            link.unlink()
