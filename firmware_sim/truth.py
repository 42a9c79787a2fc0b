"""What every device really answered, so that a test can hold the database to it: JSON lines.

A line is written after the last byte of its answer left. Faulty or unread answers are not in it.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from firmware_sim.devices.base import Answer
from wire.errors import ConfigError

_CHUNK_BYTES = 64 * 1024  # a line takes under 1 KiB


class TruthLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer: `kind` "answer" of a polled device or "line" of a talker; values as decimals."""

    at_ms: int
    device: str
    kind: str
    values: dict[str, str] = {}
    reasons: dict[str, str] = {}


class TruthRecorder:
    """Appends to a truth file. One thread writes."""

    def __init__(self, path: Path) -> None:
        """Open the file for appending; what a crash tore off its end is removed first."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
        except OSError as error:
            raise ConfigError(
                str(path), f"truth cannot be written: {error.strerror}; set `truth` to another file"
            ) from None
        _cut_torn_end(self._file.fileno())

    def write(self, answer: Answer, at_ms: int) -> None:
        """Record an answer that has just gone out, at ms since the epoch."""
        line = TruthLine(
            at_ms,
            answer.device,
            answer.kind,
            {key: f"{value:f}" for key, value in answer.values.items()},
            dict(answer.reasons),
        )
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()


def _cut_torn_end(descriptor: int) -> None:
    """Cut the file after its last whole line, reading no more of it than that takes."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - _CHUNK_BYTES)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        end = start + newline + 1
        if newline >= 0:
            break
    os.ftruncate(descriptor, end)


def read_truth(path: Path) -> list[TruthLine]:
    """Read a truth file; a torn last line (the simulator was killed) is left out.

    Raises msgspec.DecodeError when any other line is not of the format.
    """
    *whole, _torn = path.read_bytes().split(b"\n")
    return [msgspec.json.decode(line, type=TruthLine) for line in whole]
