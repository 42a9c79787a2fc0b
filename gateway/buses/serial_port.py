"""One serial port, pty or `socket://host:port`: exclusive, with answers that end where they should.

Every failure is a BusError that names the port and the remedy; the port is closed then.
"""

import termios
import time
from collections.abc import Callable
from dataclasses import dataclass

import serial

from gateway.buses.port_errors import explain
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
# Modbus over serial line v1.02, 2.5.1.1: 3.5 characters of 11 bits between frames, and not under
# 1.75 ms; the other protocols do not mind.
_GAP_BITS = 3.5 * 11
_MIN_GAP_S = 0.00175

_FAILURES = (OSError, termios.error)  # pyserial's own errors are OSErrors


class StoppedError(GatewayError):
    """The gateway is being stopped in the middle of a conversation."""


@dataclass(frozen=True, slots=True)
class PortSettings:
    """Where a port is and how its characters look; `frame` is bits, parity, stop bits: "8N1"."""

    port: str
    baud: int
    frame: str = DEFAULT_FRAME


class SerialPort:
    """An open port. While it waits it asks `stopping`; when that is true it raises StoppedError."""

    def __init__(self, settings: PortSettings, stopping: Callable[[], bool]) -> None:
        """Open and lock the port; raises BusError."""
        self._settings = settings
        self._stopping = stopping
        self._buffer = b""
        self._unsettled = False
        self._last_heard = 0.0
        self._gap_s = max(_GAP_BITS / settings.baud, _MIN_GAP_S)
        try:
            self._serial = _open(settings)
        except _FAILURES as error:
            raise explain(settings.port, _with_errno(error)) from error
        except ValueError as error:
            raise BusError(f"{settings.port}: {error}") from error

    def exchange(self, ask: Ask) -> bytes:
        """Send a request, if there is one, and give the answer: all of it, or what there was."""
        if ask.request:
            self._clear()
            self._send(ask.request)
        deadline = time.monotonic() + ask.timeout_s
        while not (length := ask.until(self._buffer)):
            heard = self._receive()
            now = time.monotonic()
            is_quiet = not heard and self._is_quiet(ask.quiet_s, now)
            if (now >= deadline or is_quiet) and not ask.until(self._buffer):
                self._unsettled = True
                return self._take(len(self._buffer))
        return self._take(length)

    def read(self) -> bytes:
        """Give what arrived, after at most SLICE_S; perhaps nothing."""
        self._receive()
        return self._take(len(self._buffer))

    def check(self) -> None:
        """Make sure that the port is still there; raises BusError."""
        try:
            _ = self._serial.in_waiting
        except _FAILURES as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Give the port back; a port that is gone already makes no trouble."""
        try:
            self._serial.close()
        except _FAILURES:
            return

    def _receive(self) -> bool:
        """Take what arrives within a slice; tell whether anything did."""
        if self._stopping():
            raise StoppedError
        try:
            data: bytes = self._serial.read(1)
            if data:
                data += self._serial.read(self._serial.in_waiting)
        except _FAILURES as error:
            raise self._lost(error) from error
        if data:
            self._last_heard = time.monotonic()
            self._buffer = (self._buffer + data)[-MAX_BUFFER_BYTES:]
        return bool(data)

    def _send(self, request: bytes) -> None:
        time.sleep(max(0.0, self._last_heard + self._gap_s - time.monotonic()))
        try:
            self._serial.write(request)
        except _FAILURES as error:
            raise self._lost(error) from error

    def _clear(self) -> None:
        """Drop what stands unread; after an answer that went wrong, wait for a quiet line."""
        try:
            while waiting := self._serial.in_waiting:
                self._serial.read(min(waiting, MAX_BUFFER_BYTES))
        except _FAILURES as error:
            raise self._lost(error) from error
        if self._unsettled:
            self._settle()
        self._buffer = b""

    def _settle(self) -> None:
        begun = time.monotonic()
        quiet_since = begun
        while (now := time.monotonic()) - begun < SETTLE_MAX_S:
            if now - max(quiet_since, self._last_heard) >= SETTLE_QUIET_S:
                break
            self._receive()
        self._unsettled = False

    def _is_quiet(self, quiet_s: float | None, now: float) -> bool:
        return quiet_s is not None and bool(self._buffer) and now - self._last_heard >= quiet_s

    def _take(self, length: int) -> bytes:
        taken, self._buffer = self._buffer[:length], self._buffer[length:]
        return taken

    def _lost(self, error: Exception) -> BusError:
        self.close()
        return explain(self._settings.port, error)


def _open(settings: PortSettings) -> serial.SerialBase:
    return serial.serial_for_url(
        settings.port,
        baudrate=settings.baud,
        bytesize=int(settings.frame[0]),
        parity=settings.frame[1],
        stopbits=int(settings.frame[2]),
        timeout=SLICE_S,
        write_timeout=_WRITE_TIMEOUT_S,
        exclusive=True,
    )


def _with_errno(error: Exception) -> Exception:
    """Find the system's number of an error; pyserial wraps some in one without."""
    while getattr(error, "errno", None) is None and error.__context__ is not None:
        if not isinstance(error.__context__, Exception):
            break
        error = error.__context__
    if isinstance(error, termios.error) and error.args and isinstance(error.args[0], int):
        return OSError(*error.args)
    return error
