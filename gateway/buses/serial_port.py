"""One serial port, pty or `socket://host:port`: exclusive, with answers that end where they should.

Every failure is a BusError that names the port and the remedy; the port is closed then.
"""

import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import serial

from gateway.buses.port_errors import explain
from gateway.codecs.modbus_rtu import frame_gap_s
from gateway.drivers.conversation import Ask
from gateway.errors import BusError, GatewayError

# How often a waiting read looks up: bounds how late a timeout or a stop is noticed.
SLICE_S = 0.1
# What one answer may take; the longest, Modbus, has 256 bytes. Protects against a babbling line.
MAX_BUFFER_BYTES = 4096
# After an answer that went wrong, a late one may still come: the line must be quiet before a new
# request, or the old answer would pass for the new one (PITFALLS: telegraf#9253).
SETTLE_QUIET_S = 0.1
SETTLE_MAX_S = 1.0
DEFAULT_FRAME = "8N1"  # what a port is set to when neither bus nor model says otherwise
_WRITE_TIMEOUT_S = 2.0
# SDI-12 v1.4, 7: a break is at least 12 ms long, and 8.33 ms of marking follow it; a sensor that
# hears more of either takes no offence.
_BREAK_S, _MARKING_S = 0.015, 0.01

_FAILURES = (OSError, termios.error)  # pyserial's own errors are OSErrors


class StoppedError(GatewayError):
    """The gateway is being stopped in the middle of a conversation."""


@dataclass(frozen=True, slots=True)
class PortSettings:
    """Where a port is and how its characters look; `frame` is bits, parity, stop bits: "8N1".

    `start_s` is how long what is plugged in takes to start when its port is opened; what it says
    meanwhile is nobody's answer.
    """

    port: str
    baud: int
    frame: str = DEFAULT_FRAME
    slice_s: float = SLICE_S
    start_s: float = 0.0


class Device(Protocol):
    """What is used of pyserial; whatever fails is an OSError or a termios.error."""

    break_condition: bool

    @property
    def in_waiting(self) -> int:
        """Count the bytes that have arrived."""

    def read(self, size: int = 1) -> bytes:
        """Give up to `size` bytes: wait for them for a slice at most."""

    def write(self, data: bytes) -> int | None:
        """Send."""

    def close(self) -> None:
        """Give the device back."""


def open_device(settings: PortSettings) -> Device:
    """Open and lock what the settings name; raises OSError, termios.error and ValueError."""
    opened: Device = serial.serial_for_url(
        settings.port,
        baudrate=settings.baud,
        bytesize=int(settings.frame[0]),
        parity=settings.frame[1],
        stopbits=int(settings.frame[2]),
        timeout=settings.slice_s,
        write_timeout=_WRITE_TIMEOUT_S,
        exclusive=True,
    )
    return opened


@dataclass(frozen=True, slots=True)
class Machine:
    """What a port stands on: how it is opened, and how time (s) is told and passes."""

    open: Callable[[PortSettings], Device] = open_device
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class SerialPort:
    """An open port. While it waits it asks `stopping`; when that is true it raises StoppedError."""

    def __init__(
        self,
        settings: PortSettings,
        stopping: Callable[[], bool],
        machine: Machine | None = None,
    ) -> None:
        """Open and lock the port; raises BusError. `machine` is this one unless it is another."""
        machine = machine or Machine()
        self._settings = settings
        self._stopping = stopping
        self._monotonic, self._sleep = machine.monotonic, machine.sleep
        self._buffer = b""
        self._unsettled = False
        self._last_heard = 0.0
        self._gap_s = frame_gap_s(settings.baud)  # the other protocols do not mind
        self._ready_at = self._monotonic() + settings.start_s
        try:
            self._device = machine.open(settings)
        except _FAILURES as error:
            raise explain(settings.port, _with_errno(error)) from error
        except ValueError as error:
            raise BusError(f"{settings.port}: {error}") from error

    def exchange(self, ask: Ask) -> bytes:
        """Send a request, if there is one, and give the answer: all of it, or what there was."""
        if ask.request:
            self._let_start()
            self._clear()
            if ask.wakes:
                self._break()
            self._send(ask.request)
        begun = self._monotonic()
        while not (length := ask.until(self._buffer)):
            heard = self._receive()
            if self._is_over(ask, begun, heard=heard) and not ask.until(self._buffer):
                self._unsettled = True
                return self._take(len(self._buffer))
        return self._take(length)

    def read(self) -> bytes:
        """Give what arrived, after a slice at most; perhaps nothing."""
        self._receive()
        return self._take(len(self._buffer))

    def check(self) -> None:
        """Make sure that the port is still there; raises BusError."""
        try:
            _ = self._device.in_waiting
        except _FAILURES as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Give the port back; a port that is gone already makes no trouble."""
        try:
            self._device.close()
        except _FAILURES:
            return

    def _receive(self) -> bool:
        """Take what arrives within a slice; tell whether anything did."""
        if self._stopping():
            raise StoppedError
        try:
            data = self._device.read(1)
            if data:
                data += self._device.read(self._device.in_waiting)
        except _FAILURES as error:
            raise self._lost(error) from error
        if data:
            self._last_heard = self._monotonic()
            self._buffer = (self._buffer + data)[-MAX_BUFFER_BYTES:]
        return bool(data)

    def _send(self, request: bytes) -> None:
        self._sleep(max(0.0, self._last_heard + self._gap_s - self._monotonic()))
        try:
            self._device.write(request)
        except _FAILURES as error:
            raise self._lost(error) from error

    def _clear(self) -> None:
        """Drop what stands unread; after an answer that went wrong, wait for a quiet line."""
        try:
            while waiting := self._device.in_waiting:
                self._device.read(min(waiting, MAX_BUFFER_BYTES))
        except _FAILURES as error:
            raise self._lost(error) from error
        if self._unsettled:
            self._settle()
        self._buffer = b""

    def _settle(self) -> None:
        begun = self._monotonic()
        quiet_since = begun
        while (now := self._monotonic()) - begun < SETTLE_MAX_S:
            if now - max(quiet_since, self._last_heard) >= SETTLE_QUIET_S:
                break
            self._receive()
        self._unsettled = False

    def _is_over(self, ask: Ask, begun: float, *, heard: bool) -> bool:
        """Tell whether nothing more is to be waited for."""
        now = self._monotonic()
        if now - begun >= ask.timeout_s:
            return True
        if not self._buffer:
            return ask.begin_s is not None and now - begun >= ask.begin_s
        return not heard and ask.quiet_s is not None and now - self._last_heard >= ask.quiet_s

    def _let_start(self) -> None:
        """Wait until what is plugged in has started; drop its banner."""
        while self._monotonic() < self._ready_at:
            self._receive()

    def _break(self) -> None:
        """Wake the sensors of a bus whose line we drive ourselves."""
        try:
            self._device.break_condition = True
            self._sleep(_BREAK_S)
            self._device.break_condition = False
        except _FAILURES as error:
            raise self._lost(error) from error
        self._sleep(_MARKING_S)

    def _take(self, length: int) -> bytes:
        taken, self._buffer = self._buffer[:length], self._buffer[length:]
        return taken

    def _lost(self, error: Exception) -> BusError:
        self.close()
        return explain(self._settings.port, error)


def _with_errno(error: Exception) -> Exception:
    """Find the system's number of an error; pyserial wraps some in one without."""
    while getattr(error, "errno", None) is None and error.__context__ is not None:
        if not isinstance(error.__context__, Exception):
            break
        error = error.__context__
    if isinstance(error, termios.error) and error.args and isinstance(error.args[0], int):
        return OSError(*error.args)
    return error
