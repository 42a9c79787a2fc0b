"""How the gateway logs: one plain line an event on stderr, for the journal.

`2026-05-01T08:00:00Z info uplink_connected host=broker.example port=8883`
"""

import sys
from contextlib import suppress
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Level = Literal["debug", "info", "warning", "error"]


def configure(level: Level = "info", stream: TextIO | None = None) -> None:
    """Set logging up, once, before anything logs."""
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%SZ", utc=True),
        structlog.processors.format_exc_info,
        _as_line,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _Lines(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


class _Lines(structlog.PrintLogger):
    """Writes lines; when nobody takes them any more, the gateway goes on reading all the same."""

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def _as_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    head = f"{event.pop('timestamp')} {event.pop('level')} {event.pop('event')}"
    traceback = event.pop("exception", None)
    words = [head, *(f"{key}={_word(value)}" for key, value in event.items())]
    line = " ".join(words)
    return f"{line}\n{traceback}" if traceback else line


def _word(value: object) -> str:
    text = str(value)
    return repr(text) if text == "" or any(c.isspace() or c in "\"='" for c in text) else text
