"""Logging as tests start with: plain and quick."""

import structlog


def reset() -> None:
    """Undo what a command set up for its process; tracebacks stay plain.

    A rich traceback of what a server holds takes seconds, for which a test waits.
    """
    structlog.reset_defaults()
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])
