"""The checksum at the end of a line, by its catalogue entry: verified on answers, set on questions.

A seal that does not belong to its line raises ChecksumError, a line without one FrameError.
"""

import re
from collections.abc import Callable, Mapping

from gateway.codecs.checksums import (
    ChecksumError,
    crc16,
    crc16_ccitt,
    sum8,
    twos_complement,
    xor_checksum,
)
from gateway.codecs.sdi12 import crc_text
from gateway.errors import FrameError
from wire.catalogue.lines import Checksum, Line
from wire.errors import ConfigError

_ADDRESSABLE = "{address}"
_SEALED = "{checksum}"


def _hex(compute: Callable[[bytes], int], digits: int) -> Callable[[bytes], bytes]:
    return lambda data: b"%0*X" % (digits, compute(data))


# How each checksum is written; the number of characters is the same for all data.
_WRITERS: Mapping[Checksum, Callable[[bytes], bytes]] = {
    Checksum.XOR: _hex(xor_checksum, 2),
    Checksum.SUM8: _hex(sum8, 2),
    Checksum.TWOS_COMPLEMENT: _hex(twos_complement, 2),
    Checksum.CRC16_MODBUS: _hex(lambda data: crc16(data, 0xFFFF), 4),
    Checksum.CRC16_CCITT: _hex(crc16_ccitt, 4),
    Checksum.CRC16_SDI12: crc_text,
}
_HEX = re.compile(rb"[0-9A-Fa-f]+")


class Seal:
    """The checksum of an instrument's lines; `start` is the text a line begins with."""

    def __init__(self, line: Line) -> None:
        """Prepare; raises ConfigError for a checksum that is not known."""
        try:
            kind = Checksum(line.checksum)
        except ValueError:
            known = ", ".join(Checksum)
            raise ConfigError(
                "catalogue", f"checksum '{line.checksum}' is not known; known: {known}"
            ) from None
        self._write = _WRITERS.get(kind)
        self._length = len(self._write(b"")) if self._write else 0
        self._is_hex = kind is not Checksum.CRC16_SDI12
        self._start, self._mark = line.opening.encode("ascii"), line.mark.encode("ascii")
        self._needs_start = line.start is not None
        self._counts_start = "start" in line.checksum_counts
        self._counts_mark = "mark" in line.checksum_counts
        self._adds = line.checksum_adds.encode("ascii")

    def open(self, line: bytes) -> bytes:
        """Verify the start of a line and the checksum at its end; give what stands before that."""
        if self._needs_start and not line.startswith(self._start):
            raise FrameError(f"does not begin as it should: {line[:80]!r}")
        if self._write is None:
            return line
        text, mark, found = self._split(line)
        if mark != self._mark or (self._is_hex and not _HEX.fullmatch(found)):
            raise FrameError(f"no checksum at the end of {line[:80]!r}")
        if self._checksum(text) != (found.upper() if self._is_hex else found):
            raise ChecksumError(f"checksum does not belong to {line[:80]!r}")
        return text

    def fill(self, ask: str, address: str) -> bytes:
        """Write a question: the address where it belongs, and the checksum of what is before it."""
        request = ask.replace(_ADDRESSABLE, address)
        before, place, after = request.partition(_SEALED)
        if not place:
            return request.encode("ascii")
        text = before.encode("ascii").removesuffix(self._mark)
        return before.encode("ascii") + self._checksum(text) + after.encode("ascii")

    def _split(self, line: bytes) -> tuple[bytes, bytes, bytes]:
        """Cut a line into its text, the mark before the checksum, and the checksum."""
        end = max(0, len(line) - self._length)
        middle = max(0, end - len(self._mark))
        return line[:middle], line[middle:end], line[end:]

    def _checksum(self, text: bytes) -> bytes:
        """Write the checksum of a line's text, which has the start but not the mark."""
        counted = text if self._counts_start else text.removeprefix(self._start)
        if self._counts_mark:
            counted += self._mark
        return self._write(counted + self._adds) if self._write else b""
