"""A line of text into its named parts, by its catalogue entry.

Expressions come from technicians. They have been checked for what they may cost (wire.catalogue),
and no line is longer than MAX_LINE_BYTES.
"""

import re

from gateway.codecs.lines import MAX_LINE_BYTES, ascii_text, line_end
from gateway.codecs.seals import Seal
from gateway.errors import FrameError, SensorError
from wire.catalogue import Line
from wire.catalogue.lines import Message
from wire.errors import ConfigError


class RefusedError(SensorError):
    """The instrument answered with a text that refuses what it was asked."""


class LineFormat:
    """The lines of a catalogue entry, or of one of its messages."""

    def __init__(self, line: Line, message: Message | None = None) -> None:
        """Compile the expressions; raises ConfigError for one that cannot be used."""
        self._line = line
        self._seal = Seal(line)
        self._start = line.opening.encode("ascii")
        self._begins = _compiled((message and message.begins) or line.begins)
        self._pattern = _compiled((message and message.pattern) or line.pattern)
        self._error = _compiled(line.error)
        self._last_column = max(line.columns.values(), default=0)
        self._end = line_end([line.ends])
        self._groups = set(line.columns)
        if self._pattern:
            self._groups = set(self._pattern.groupindex)

    def gives(self, key: str) -> bool:
        """Tell whether a line can hold a key; `key=value` lines may hold any."""
        return bool(self._line.pairs) or key in self._groups

    def decode(self, line: bytes) -> dict[str, str]:
        """Read one line, without its end, into its named parts.

        Raises FrameError for what is no such line, RefusedError for an error that the instrument
        tells.
        """
        if len(line) > MAX_LINE_BYTES:
            raise FrameError(f"longer than {MAX_LINE_BYTES} characters: {line[:40]!r}")
        text = ascii_text(self._seal.open(self._from_start(line)))
        if self._error and self._error.fullmatch(text):
            raise RefusedError("refused by the instrument")
        if self._pattern:
            return self._matched(text, self._pattern)
        begun = self._begins.match(text) if self._begins else None
        if self._begins and not begun:
            raise _foreign(text)
        parts = self._parts(text)
        return parts | {key: value or "" for key, value in _groups_of(begun).items()}

    def lines(self, buffer: bytes) -> list[tuple[bytes, int]]:
        """Cut the complete lines out of a buffer, each with where it ends, its end included."""
        found, start = [], 0
        for end in self._end.finditer(buffer):
            if end.start() > start:
                found.append((buffer[start : end.start()], end.end()))
            start = end.end()
        return found

    def _from_start(self, line: bytes) -> bytes:
        """Drop what stands before the line: noise, or the torn line before this one."""
        if self._start:
            line = line[max(line.rfind(self._start), 0) :]
        if self._begins is None:
            return line
        starts = [one.start() for one in self._begins.finditer(line.decode("latin-1"))]
        return line[starts[-1] :] if starts else line

    def _matched(self, text: str, pattern: re.Pattern[str]) -> dict[str, str]:
        found = pattern.fullmatch(text)
        if not found:
            raise _foreign(text)
        return found.groupdict(default="")

    def _parts(self, text: str) -> dict[str, str]:
        """Split at the delimiter into numbered columns and `key=value` pairs."""
        columns = text.removeprefix(self._line.opening).split(self._line.delimiter)
        if len(columns) < self._last_column:
            raise FrameError(
                f"has {len(columns)} columns, not the {self._last_column} needed: {text[:60]!r}"
            )
        parts = {key: columns[n - 1].strip() for key, n in self._line.columns.items()}
        for column in columns if self._line.pairs else ():
            key, separator, value = column.partition(self._line.pairs)
            key = key.strip()
            if separator and key in parts:
                raise FrameError(f"has '{key}' twice: {text[:60]!r}")
            if separator:
                parts[key] = value.strip()
        return parts


def _compiled(text: str | None) -> re.Pattern[str] | None:
    if not text:
        return None
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise ConfigError("catalogue", f"'{text}' is no expression: {error}") from None


def _groups_of(found: re.Match[str] | None) -> dict[str, str | None]:
    return found.groupdict() if found else {}


def _foreign(text: str) -> FrameError:
    return FrameError(f"not a line of this sensor: {text[:80]!r}")
