"""Text lines: splitting the byte stream, and what lines of all kinds have in common.

Splitting resynchronises: noise costs the line it hit, not the next one.
"""

import re
from collections.abc import Iterable
from decimal import Decimal

from gateway.codecs.checksums import ChecksumError, xor_checksum
from gateway.errors import FrameError

# NMEA allows 82; several transducers in one XDR, or all values of a Vaisala in one line, take more.
# Bounds the buffer, and what an expression of the catalogue has to think about.
MAX_LINE_BYTES = 512

# Digits are bounded so that sums over a day stay exact in the 28 digits of a Decimal.
_NUMBER = re.compile(r"[+-]?(?:\d{1,12}(?:\.\d{0,9})?|\.\d{1,9})", re.ASCII)
_STARRED = re.compile(rb"(?P<text>.*)\*(?P<sum>[0-9A-Fa-f]{2})", re.DOTALL)


class LineSplitter:
    """Cuts a byte stream into lines without their ends; a line over the limit is dropped whole."""

    def __init__(self, max_bytes: int = MAX_LINE_BYTES, ends: Iterable[str] = ()) -> None:
        """Start with an empty buffer of at most `max_bytes`.

        Lines end at CR and at LF, and at every text of `ends`, for instruments that send neither.
        """
        self._max_bytes = max_bytes
        self._end = line_end(ends)
        self._buffer = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take what arrived; give the lines that it completes, empty ones left out."""
        *ended, self._buffer = self._end.split(self._buffer + data)
        if ended and self._skipping:
            ended, self._skipping = ended[1:], False
        if len(self._buffer) > self._max_bytes:
            self._buffer, self._skipping = b"", True
        return [line for line in ended if 0 < len(line) <= self._max_bytes]

    def reset(self) -> None:
        """Forget what stands in the buffer: the port was opened anew."""
        self._buffer, self._skipping = b"", False


def line_end(ends: Iterable[str] = ()) -> re.Pattern[bytes]:
    """Make the expression for the end of a line: CR, LF, or one of the texts."""
    others = [re.escape(one.encode("ascii")) for one in ends if one]
    return re.compile(b"|".join([*others, rb"[\r\n]"]))


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
