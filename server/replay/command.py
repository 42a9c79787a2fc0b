"""`saxaul-server replay`: asks for a replay, shows how far it is, and tells what came of it."""

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import Progress, TaskID
from sqlalchemy import Engine, select

from server.api.instants import iso, parse
from server.db.tables import gateway
from server.ingest.service import wall_clock_ms
from server.replay.run import Order, Replay, Step, Tally
from server.replay.selection import EVER, Span
from wire.catalogue import bundled
from wire.errors import ConfigError

OK, INTERRUPTED = 0, 130

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SHOWN_REASONS = 10
_WHAT = {"refused": "tried again", "stored": "recomputed"}


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add the command and its options."""
    parser = commands.add_parser(
        "replay",
        help="decode, check, derive and store anew what the journal holds, after a fix",
        description="Recomputes what a gateway measured in a span of time from the batches as they "
        "came, with the catalogue of this program, and tries again what was refused. Doing it "
        "twice changes nothing; Ctrl-C stops it, and what is done stays done. Restart the server "
        "first, so that new batches are read by the new catalogue too.",
    )
    parser.add_argument("--gateway", required=True, metavar="ID", help="whose batches")
    parser.add_argument(
        "--from",
        dest="from_ms",
        type=_instant,
        required=True,
        metavar="T",
        help="from when on it was measured (for what was refused: received), as "
        "2026-03-01 (UTC) or 2026-03-01T06:00:00+08:00",
    )
    parser.add_argument(
        "--to", dest="to_ms", type=_instant, metavar="T", help="until when (default: no end)"
    )
    parser.add_argument(
        "--refused", action="store_true", help="only try again what was refused or waits"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only count what would change; write nothing"
    )
    return parser


def replay(engine: Engine, arguments: argparse.Namespace) -> int:
    """Do what the command line asks for; returns 0, or 130 when it was interrupted.

    The database's schema must be current. Raises ConfigError for a gateway or span of no use.
    """
    order = _order(engine, arguments)
    work = Replay(engine, bundled(), order, wall_clock_ms)
    console = Console(soft_wrap=True, markup=False, highlight=False)
    try:
        with _display(console) as display:
            for step in work.steps():
                display.show(step)
    except KeyboardInterrupt:
        console.print(_what_came_of_it(work.tally, order))
        console.print(
            "Interrupted; what is done stays. Run it again, or go on with --from "
            f"{iso(work.tally.reached_ms)}: up to there '{order.gateway}' is done."
        )
        return INTERRUPTED
    console.print(_what_came_of_it(work.tally, order))
    return OK


def _instant(text: str) -> int:
    try:
        return parse(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _order(engine: Engine, arguments: argparse.Namespace) -> Order:
    to_ms = EVER.to_ms if arguments.to_ms is None else arguments.to_ms
    if to_ms <= arguments.from_ms:
        raise ConfigError("--to", f"{iso(to_ms)} is not after --from: turn them round")
    with engine.connect() as connection:
        known = connection.execute(select(gateway.c.id).order_by(gateway.c.id)).scalars().all()
    if arguments.gateway not in known:
        raise ConfigError(
            f"--gateway '{arguments.gateway}'",
            f"no such gateway; known are: {', '.join(known) or 'none yet'}",
        )
    return Order(
        gateway=arguments.gateway,
        span=Span(arguments.from_ms, to_ms),
        only_refused=arguments.refused,
        dry_run=arguments.dry_run,
    )


# ---------------------------------------------------------------- how far it is


class _Display(Protocol):
    def show(self, step: Step) -> None: ...


class _Bar:
    """A bar for each part of the work."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def show(self, step: Step) -> None:
        if step.what not in self._tasks:
            self._tasks[step.what] = self._progress.add_task(_WHAT[step.what])
        self._progress.update(self._tasks[step.what], completed=step.done, total=step.total)


class _Lines:
    """A line for every tenth of a part, where nobody watches a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: dict[str, int] = {}

    def show(self, step: Step) -> None:
        tenth = 10 * step.done // step.total if step.total else 10
        if self._said.get(step.what) != tenth:
            self._said[step.what] = tenth
            self._console.print(f"{_WHAT[step.what]}: {step.done} of {step.total} batches")


@contextmanager
def _display(console: Console) -> Iterator[_Display]:
    if console.is_terminal:
        with Progress(console=console) as progress:
            yield _Bar(progress)
    else:
        yield _Lines(console)


def _what_came_of_it(tally: Tally, order: Order) -> str:
    dry = ["Dry run: nothing was written; this is what would change."] if order.dry_run else []
    return "\n".join(
        [
            *dry,
            f"Batches taken up: {tally.entries}; newly stored: {tally.stored}",
            f"Observations: {tally.changed} changed, {tally.added} added, {tally.removed} removed",
            *_reasons("Still not stored", tally.refused),
            *_reasons("Left as stored, since they cannot be used any more", tally.kept),
        ]
    )


def _reasons(what: str, reasons: Counter[str]) -> Iterator[str]:
    if not reasons:
        return
    yield f"{what}: {reasons.total()}"
    for reason, count in reasons.most_common(_SHOWN_REASONS):
        yield f"  {count} x {reason}"
    if len(reasons) > _SHOWN_REASONS:
        yield f"  and {len(reasons) - _SHOWN_REASONS} reasons more: see the journal"
