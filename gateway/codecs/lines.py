"""Text lines from talkers: splitting the byte stream, and the generic line of the catalogue.

Both resynchronise: noise costs the line it hit, not the next one.
"""

import re
from decimal import Decimal

from gateway.codecs.checksums import ChecksumError, xor_checksum
from gateway.errors import FrameError
from wire.catalogue import Line
from wire.errors import ConfigError

MAX_LINE_BYTES = 512  # NMEA allows 82; several transducers in one XDR take more. Bounds the buffer.

# Digits are bounded so that sums over a day stay exact in the 28 digits of a Decimal.
_NUMBER = re.compile(r"[+-]?(?:\d{1,12}(?:\.\d{0,9})?|\.\d{1,9})", re.ASCII)
_STARRED = re.compile(rb"(?P<text>.*)\*(?P<sum>[0-9A-Fa-f]{2})", re.DOTALL)


class LineSplitter:
    """Cuts a byte stream into lines without their ends; a line over the limit is dropped whole."""

    def __init__(self, max_bytes: int = MAX_LINE_BYTES) -> None:
        """Start with an empty buffer of at most `max_bytes`."""
        self._max_bytes = max_bytes
        self._buffer = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take what arrived; give the lines that it completes, empty ones left out."""
        *ended, self._buffer = (self._buffer + data).split(b"\n")
        if ended and self._skipping:
            ended, self._skipping = ended[1:], False
        if len(self._buffer) > self._max_bytes:
            self._buffer, self._skipping = b"", True
        lines = (line.rstrip(b"\r") for line in ended)
        return [line for line in lines if 0 < len(line) <= self._max_bytes]

    def reset(self) -> None:
        """Forget what stands in the buffer: the port was opened anew."""
        self._buffer, self._skipping = b"", False


def from_dollar(line: bytes) -> bytes:
    """Drop what stands before the last `$`: noise, or the torn line before this one."""
    return line[max(line.rfind(b"$"), 0) :]


def checked_text(line: bytes) -> str:
    """Verify `*HH` at the end of a line and give the text before it.

    HH is the XOR of what stands between a leading `$` and the star (NMEA 0183, 5.3.1).
    """
    found = _STARRED.fullmatch(line)
    if not found:
        raise FrameError(f"no checksum at the end of {line[:80]!r}")
    if xor_checksum(found["text"].removeprefix(b"$")) != int(found["sum"], 16):
        raise ChecksumError(f"checksum does not belong to {line[:80]!r}")
    return ascii_text(found["text"])


def ascii_text(line: bytes) -> str:
    """Read a line as ASCII."""
    try:
        return line.decode("ascii")
    except UnicodeDecodeError:
        raise FrameError(f"not ASCII: {line[:80]!r}") from None


def parse_number(text: str) -> Decimal:
    """Read a plain decimal of bounded length, without exponent."""
    if not _NUMBER.fullmatch(text):
        raise FrameError(f"not a number: {text[:40]!r}")
    return Decimal(text)


class LineFormat:
    """The generic line of a catalogue entry: checksum, then the named groups of its pattern."""

    def __init__(self, line: Line) -> None:
        """Compile the pattern; raises ConfigError for one that cannot be used."""
        if line.checksum not in ("xor", "none"):
            raise ConfigError(
                "catalogue", f"checksum '{line.checksum}' is not known; known: xor, none"
            )
        try:
            self._pattern = re.compile(line.pattern, re.ASCII)
        except re.error as error:
            raise ConfigError("catalogue", f"line pattern is no expression: {error}") from None
        self._checked = line.checksum == "xor"
        self.groups = frozenset(self._pattern.groupindex)

    def decode(self, line: bytes) -> dict[str, str]:
        """Read one line into its named groups."""
        line = from_dollar(line)
        text = checked_text(line) if self._checked else ascii_text(line)
        found = self._pattern.fullmatch(text)
        if not found:
            raise FrameError(f"not a line of this sensor: {text[:80]!r}")
        return found.groupdict(default="")
