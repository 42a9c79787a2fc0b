"""SMS through a GSM modem on a serial port, where there is no internet but a telephone network.

AT commands of 3GPP TS 27.005: PDU mode, one part after the other, each confirmed by `+CMGS:`.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import serial

from server.notify.channels.numbers import require_number
from server.notify.channels.pdu import parts_of
from server.notify.channels.port import Answer, Envelope, Later, Never, Sent, UnsureError

_COMMAND_S = 5.0
# TS 27.005 names no time; networks have been seen to take most of a minute.
SEND_S = 60.0
_PROMPT, _END, _ESCAPE = b"> ", b"\x1a", b"\x1b"
_FINAL = re.compile(rb"(?:^|\r\n)(OK|ERROR|\+CM[ES] ERROR: ?[^\r]*)\r\n")
_REFERENCE = re.compile(rb"\+CMGS: ?(\d+)")
# TS 27.005, 3.2.5: the address or the SIM card is at fault, not the moment.
_ADDRESS_FAULTS = {b"+CMS ERROR: 1", b"+CMS ERROR: 28"}


class Line(Protocol):
    """A serial line."""

    def read(self, size: int) -> bytes:
        """Read up to so many bytes, within its own time-out."""
        ...

    def write(self, data: bytes) -> object:
        """Write."""
        ...

    def close(self) -> None:
        """Close."""
        ...


@dataclass(frozen=True, slots=True)
class GsmSettings:
    """The modem's port (such as /dev/serial/by-id/…) and its rate."""

    port: str
    baud: int = 115_200


def open_port(settings: GsmSettings) -> Line:
    """Open the modem's port for ourselves; raises OSError."""
    line: Line = serial.Serial(settings.port, settings.baud, timeout=0.1, exclusive=True)
    return line


class GsmModem:
    """Sends SMS. The unavoidable double: the line breaks between sending and `+CMGS:`."""

    def __init__(
        self,
        settings: GsmSettings,
        open_line: Callable[[GsmSettings], Line] = open_port,
        monotonic: Callable[[], float] = time.monotonic,
        send_s: float = SEND_S,
    ) -> None:
        """Prepare; the port is opened for each message and left to others between.

        The network has `send_s` to take a part.
        """
        self._settings = settings
        self._open = open_line
        self._monotonic = monotonic
        self._send_s = send_s
        self._reference = 0

    def close(self) -> None:
        """Nothing is kept between messages."""

    def send(self, envelope: Envelope) -> Answer:
        """Send all parts of a message; raises UnsureError when some may have gone."""
        number = require_number(envelope.address)
        self._reference = (self._reference + 1) % 256
        try:
            line = self._open(self._settings)
        except OSError as error:
            return Later(f"the modem at {self._settings.port} cannot be opened: {error}")
        try:
            return self._send(line, parts_of(number, envelope.said.short, self._reference))
        finally:
            line.close()

    def _send(self, line: Line, parts: list[bytes]) -> Answer:
        line.write(_ESCAPE)  # leaves a prompt that an earlier message was cut off in
        for command in (b"ATE0", b"AT+CMGF=0"):
            line.write(command + b"\r")
            said = self._until_final(line, _COMMAND_S)
            if said != b"OK":
                return Later(f"the modem says {_told(said)} to {command.decode()}")
        references = []
        for count, pdu in enumerate(parts):
            outcome = self._send_part(line, pdu)
            if isinstance(outcome, Sent):
                references.append(outcome.receipt)
            elif count:
                raise UnsureError(f"{count} of {len(parts)} parts were sent: {outcome.reason}")
            else:
                return outcome
        return Sent(",".join(references))

    def _send_part(self, line: Line, pdu: bytes) -> Sent | Later | Never:
        """Send one; the length leaves out the byte that stands for the service centre."""
        line.write(b"AT+CMGS=%d\r" % (len(pdu) - 1))
        if not self._until(line, _PROMPT, _COMMAND_S):
            return Later("the modem does not ask for the message")
        line.write(pdu.hex().upper().encode() + _END)
        said, heard = self._final(line, self._send_s)
        if said == b"OK":
            found = _REFERENCE.search(heard)
            return Sent(found[1].decode() if found else "")
        if not said:
            raise UnsureError("the modem took the message and did not say what became of it")
        if said in _ADDRESS_FAULTS:
            return Never(f"the network says {_told(said)}", is_address=True)
        return Later(f"the network says {_told(said)}")

    def _until_final(self, line: Line, timeout_s: float) -> bytes:
        return self._final(line, timeout_s)[0]

    def _final(self, line: Line, timeout_s: float) -> tuple[bytes, bytes]:
        """Read until a final result; gives it (b"" for none) and all that was heard."""
        until, heard = self._monotonic() + timeout_s, b""
        while self._monotonic() < until:
            heard += line.read(256)
            found = _FINAL.search(heard)
            if found:
                return found[1], heard
        return b"", heard

    def _until(self, line: Line, wanted: bytes, timeout_s: float) -> bool:
        until, heard = self._monotonic() + timeout_s, b""
        while self._monotonic() < until:
            heard += line.read(256)
            if wanted in heard:
                return True
            if _FINAL.search(heard):
                return False
        return False


def _told(said: bytes) -> str:
    return said.decode("ascii", "replace") if said else "nothing"
