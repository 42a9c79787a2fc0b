"""`saxaul-server rollup`: computes at once what waits, and with --rebuild anew what is there."""

import argparse
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.progress import Progress, TaskID
from sqlalchemy import Connection, Engine, func, select

from server.api.instants import parse
from server.db.engine import writing
from server.db.tables import datastream, rollup_mark, site, thing
from server.hypertable import horizon
from server.rollup.marks import Level, mark_grid
from server.rollup.plan import Waiting
from server.rollup.statistics import HOUR_MS, Ints
from server.rollup.worker import Workshop
from server.rollup.zones import Span, stored_span
from wire.errors import ConfigError

OK, INTERRUPTED = 0, 130

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_EVER = Span(0, 2**62)
# What is marked anew at once: a month of so many series.
_MONTH_MS = 30 * 24 * HOUR_MS
_SERIES = 2_000
# Another worker computes what is left: look again after this.
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Order:
    """What to compute anew: series of a site or of a name (all, where neither is given)."""

    site: str | None
    datastream: str | None
    span: Span


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Add the command to the program's others."""
    parser = commands.add_parser(
        "rollup",
        help="compute at once the hourly and daily values that wait",
        description="Computes the hourly and daily values that are out of date. A running server "
        "does so in the background, with a bounded share of the machine; this is in a hurry. "
        "Pages and exports are right either way: until a value is computed they read the readings "
        "themselves. Ctrl-C stops it, and what is done stays done.",
    )
    parser.add_argument(
        "--rebuild", action="store_true", help="compute what is up to date anew as well"
    )
    add = parser.add_argument_group("what to rebuild (default: everything)").add_argument
    add("--site", metavar="KEY", help="the series of a site")
    add("--datastream", metavar="NAME", help="series of this name, as dune-1/soil-10cm/vwc")
    add("--from", dest="from_ms", type=_instant, metavar="T", help="as 2026-03-01 (UTC)")
    add("--to", dest="to_ms", type=_instant, metavar="T", help="until when (default: no end)")
    return parser


def run(engine: Engine, arguments: argparse.Namespace, console: Console) -> int:
    """Do what the command line asks for; returns 0, or 130 when it was interrupted.

    Raises ConfigError for what is not there to be rebuilt.
    """
    order = _order(arguments)
    with Progress(console=console) as bar:
        work = Catchup(engine, _Bar(bar, bar.add_task("hours and days", total=None)))
        try:
            if order is None:
                work.run()
            else:
                rebuild(engine, order, work)
        except KeyboardInterrupt:
            bar.stop()
            console.print(f"Interrupted; {work.buckets:,} hours and days of series are computed.")
            return INTERRUPTED
    console.print(f"Computed: {work.buckets:,} hours and days of series. Nothing waits any more.")
    return OK


class Catchup:
    """Works off what waits when it begins, and the days that follow from it.

    What comes in meanwhile is left to the server: there might be no end.
    """

    def __init__(self, engine: Engine, show: Callable[[int, int], None]) -> None:
        """Prepare; `show` is told how many marks are worked off, and of how many."""
        self.buckets = 0
        self._engine = engine
        self._show = show
        self._done = 0

    def run(self) -> None:
        """Compute until nothing of it is left; waits for other workers that are at some of it."""
        for level in Level:  # each hour has its day computed: hence the days at the end
            newest_ms = self._newest()
            if newest_ms is not None:
                self._work(level, newest_ms)

    def _work(self, level: Level, newest_ms: int) -> None:
        def is_due(one: Waiting, _now_ms: int) -> bool:
            return one.level is level and one.since_ms <= newest_ms

        workshop = Workshop(self._engine, lambda: 0, is_due=is_due, before_ms=newest_ms + 1)
        while True:
            done = workshop.step()
            if done is None and not workshop.has_due:
                return
            if done is None:
                time.sleep(_LOOK_S)
                continue
            self.buckets += done.buckets
            self._done += done.marks
            self._show(self._done, self._done + self._waiting())

    def _newest(self) -> int | None:
        with self._engine.connect() as connection:
            return connection.execute(select(func.max(rollup_mark.c.marked_at))).scalar()

    def _waiting(self) -> int:
        with self._engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(rollup_mark)).scalar_one()


def rebuild(engine: Engine, order: Order, work: Catchup) -> None:
    """Mark and compute, the newest month first; raises ConfigError when there is no such series."""
    with engine.connect() as connection:
        ids = _series(connection, order)
        raw_ms = horizon.read(connection).get(horizon.Level.RAW, 0)
        found = [
            (some, span)
            for some in _portions(ids)
            for span in [stored_span(connection, some)]
            if span is not None
        ]
    for some, span in found:
        from_ms, to_ms = max(order.span.from_ms, span.from_ms), min(order.span.to_ms, span.to_ms)
        for hours in _months(from_ms, to_ms):
            with writing(engine) as connection:
                mark_grid(connection, Level.HOUR, some, hours[hours >= raw_ms])
            work.run()
    if not found:
        work.run()


def _series(connection: Connection, order: Order) -> Sequence[int]:
    wanted = (
        select(datastream.c.id)
        .join(thing, thing.c.id == datastream.c.thing_id)
        .join(site, site.c.id == thing.c.site_id)
        .order_by(datastream.c.id)
    )
    if order.site is not None:
        wanted = wanted.where(site.c.key == order.site)
    if order.datastream is not None:
        wanted = wanted.where(datastream.c.name == order.datastream)
    ids = connection.execute(wanted).scalars().all()
    if not ids and order.site is not None:
        known = connection.execute(select(site.c.key).order_by(site.c.key)).scalars().all()
        raise ConfigError(
            f"--site '{order.site}'",
            f"no series{' of that name' if order.datastream else ''} there; "
            f"known sites are: {', '.join(known) or 'none yet'}",
        )
    if not ids and order.datastream is not None:
        raise ConfigError(
            f"--datastream '{order.datastream}'",
            "no series of that name: write thing/sensor/property as saxaul-server ledger does",
        )
    return ids


def _portions(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), _SERIES):
        yield ids[first : first + _SERIES]


def _months(from_ms: int, to_ms: int) -> Iterator[Ints]:
    """Give the hours of a span, the newest month first."""
    first, end = from_ms // HOUR_MS * HOUR_MS, to_ms
    while end > first:
        begin = max(first, (end - _MONTH_MS) // HOUR_MS * HOUR_MS)
        yield np.arange(begin, end, HOUR_MS, dtype=np.int64)
        end = begin


@dataclass(frozen=True, slots=True)
class _Bar:
    progress: Progress
    task: TaskID

    def __call__(self, done: int, total: int) -> None:
        self.progress.update(self.task, completed=done, total=total)


def _order(arguments: argparse.Namespace) -> Order | None:
    given = (arguments.site, arguments.datastream, arguments.from_ms, arguments.to_ms)
    if not arguments.rebuild:
        if any(one is not None for one in given):
            raise ConfigError(
                "--site, --datastream, --from and --to", "say what to rebuild: add --rebuild"
            )
        return None
    from_ms = _EVER.from_ms if arguments.from_ms is None else arguments.from_ms
    to_ms = _EVER.to_ms if arguments.to_ms is None else arguments.to_ms
    if to_ms <= from_ms:
        raise ConfigError("--to", "is not after --from: turn them round")
    return Order(arguments.site, arguments.datastream, Span(from_ms, to_ms))


def _instant(text: str) -> int:
    try:
        return parse(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
