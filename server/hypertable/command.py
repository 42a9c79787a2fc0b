"""`saxaul-server retention`: tells what is old enough to go, and removes it."""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy import Engine

from server.db.instant import to_datetime
from server.hypertable import horizon
from server.hypertable.horizon import Level
from server.hypertable.retention import Policy, Retention, Wait, cuts, shelves

OK, WAITS, INTERRUPTED = 0, 2, 130

_NAMES = {
    "observation": "readings",
    "observation_note": "reasons of missing readings",
    "rollup_hour": "hourly values",
    "rollup_day": "daily values",
}
_PASSING = (Wait.TRANSACTIONS, Wait.READERS)
_PATIENCE_S = 10.0
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Old:
    """What of a table is old enough to go."""

    level: Level
    table: str
    before_ms: int
    rows: int


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add the command to the program's others."""
    parser = commands.add_parser(
        "retention",
        help="remove readings and rollups that were kept long enough",
        description="Remove what [retention] in server.toml no longer keeps. A running server does "
        "the same once a day. It may be stopped at any time and run again.",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only count what would go, and change nothing"
    )
    return parser


def run(
    engine: Engine, policy: Policy, clock: Callable[[], int], console: Console, *, dry_run: bool
) -> int:
    """Count, and unless `dry_run` remove; returns 0, 2 when it must wait, 130 after Ctrl-C."""
    if not policy.days():
        console.print("Everything is kept for ever: [retention] in server.toml sets no days.")
        return OK
    try:
        with Progress(console=console) as bar:
            old = count(engine, policy, clock(), bar)
        show(engine, old, console)
        if dry_run or not old:
            return OK
        with Progress(console=console) as bar:
            wait = _remove(Retention(engine, policy), clock, old, bar)
    except KeyboardInterrupt:
        console.print("Stopped. What is removed is removed: run it again for the rest.")
        return INTERRUPTED
    if wait is not None:
        console.print(_WAITS[wait])
        return WAITS
    console.print("Removed.")
    return OK


def count(engine: Engine, policy: Policy, now_ms: int, bar: Progress) -> list[Old]:
    """Count what is old enough, table by table; tables of which nothing is are left out."""
    with engine.connect() as connection:
        found: list[Old] = []
        for cut in cuts(connection, policy, now_ms):
            for shelf in shelves(cut.level):
                task = bar.add_task(f"counting {_NAMES[shelf.table]}", total=None)
                rows = 0
                for one in shelf.count(connection, cut.before_ms):
                    rows += one.rows
                    bar.update(task, completed=one.part, total=one.parts)
                bar.remove_task(task)
                if rows:
                    found.append(Old(cut.level, shelf.table, cut.before_ms, rows))
        return found


def show(engine: Engine, old: list[Old], console: Console) -> None:
    """Print what would go."""
    with engine.connect() as connection:
        late = horizon.read_late(connection)
    if not old:
        console.print("Nothing is old enough to go.")
    else:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("what")
        table.add_column("from before", no_wrap=True)
        table.add_column("rows", justify="right", no_wrap=True)
        for one in old:
            table.add_row(_NAMES[one.table], _date(one.before_ms), f"{one.rows:,}")
        console.print(table)
    if late:
        console.print(
            f"{late:,} readings came too late to be kept: they are in the journal only.",
            highlight=False,
        )


def _remove(
    work: Retention, clock: Callable[[], int], old: list[Old], bar: Progress
) -> Wait | None:
    """Remove all of it; say what it must wait for."""
    ends_s = time.monotonic() + _PATIENCE_S
    tasks = {one.table: bar.add_task(_NAMES[one.table], total=one.rows) for one in old}
    while True:
        done = work.step(clock())
        if done.table in tasks:
            bar.advance(tasks[done.table], done.rows)
        if done.wait in _PASSING and time.monotonic() < ends_s:
            time.sleep(_LOOK_S)
        elif not done.more:
            break
    if done.wait is None:
        for one in old:
            bar.update(tasks[one.table], completed=one.rows)
    return done.wait


def _date(time_ms: int) -> str:
    return f"{to_datetime(time_ms):%Y-%m-%d %H:%M} UTC"


_WAITS = {
    Wait.ROLLUPS: "Nothing is removed yet: hourly and daily values of that time are still to be "
    "computed. Run the server, which does that, and try again.",
    Wait.READERS: "Not all is removed yet: somebody reads it just now. Try again later.",
    Wait.TRANSACTIONS: "Nothing is removed yet: a transaction has been open in the database since "
    "before this began (a backup, an export, a console). Try again when it has ended.",
}
