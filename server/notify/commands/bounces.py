"""`saxaul-server notify bounce`: takes a mail that came back, on standard input.

A mail server gives it to us (Postfix's pipe(8), an alias), or a program that fetches a mailbox. Its
exit code says whether to keep the mail and give it again: sysexits.h has a number for that.
"""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO

from rich.console import Console
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from server.db.engine import explain, writing
from server.errors import ServerError, StoreError
from server.notify.bounces.reports import MOST_BYTES, Report, read_report
from server.notify.bounces.taking import take
from wire.errors import ConfigError

OK = 0
TRY_AGAIN = 75  # EX_TEMPFAIL
_PIECE = 1 << 20


def run(
    database: Callable[[], AbstractContextManager[Engine]],
    mail: BinaryIO,
    now_ms: int,
    console: Console,
) -> int:
    """Take a mail in; the database is opened for reports only: others may write there, too.

    Whatever keeps us from it, settings included, must not lose the mail.
    """
    report = read_report(_read(mail))
    if report is None:
        console.print("Left alone: it is no delivery report and no complaint.")
        return OK
    try:
        with database() as engine:
            done = _taken(engine, report, now_ms)
    except (ConfigError, ServerError) as error:
        sys.stderr.write(f"saxaul-server: {error}; give this mail again later\n")
        return TRY_AGAIN
    console.print(done, markup=False)
    return OK


def _taken(engine: Engine, report: Report, now_ms: int) -> str:
    try:
        with writing(engine) as connection:
            return take(connection, report, now_ms)
    except SQLAlchemyError as error:
        raise StoreError(explain(engine.url, error)) from error


def _read(mail: BinaryIO) -> bytes:
    """Read the beginning, and all the rest away: who writes to us would call it a failure."""
    kept = mail.read(MOST_BYTES)
    while mail.read(_PIECE):
        pass
    return kept
