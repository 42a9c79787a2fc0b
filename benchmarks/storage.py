"""How many bytes a reading takes at rest: observations, their rollups, indexes, and the journal.

Ten stations send a past to the running server, on PostgreSQL and on SQLite, so that the layout is
the one that ingest leaves behind.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from benchmarks.bench.command import count, options_of, run, say
from benchmarks.ingest_suite.databases import serving
from benchmarks.storage_suite.figures import broken_limits, figures
from benchmarks.storage_suite.sizes import (
    JOURNAL,
    OBSERVATIONS,
    ROLLUPS,
    bytes_of,
    tidy,
)
from benchmarks.storage_suite.stored import compress, pack, roll_up, store
from gateway import logs
from server.db.engine import Edition, describe, open_engine

NAME = "storage"

_EPILOG = """\
A station sends 20 series, a value a minute, in batches of an hour. apache_b (community_b where that
edition runs, once its columnstore has taken all chunks): all chunks and indexes of the
observations, as ingest leaves them, with the hourly and daily rollups and their marks once all are
computed; sqlite_b: the same in pages; journal_b: the journal once it is packed, on the database
where it takes more. Of rollups, marks and journal the room is not counted that was freed when they
were written anew: the next ones use it.
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Bytes a reading in one database."""

    edition: Edition
    reading_b: float
    journal_b: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; see `benchmarks.bench.command.run` for the exit code."""
    options = _options().parse_args(arguments)
    return run(NAME, options, lambda: _figures(options), broken_limits)


def _figures(options: argparse.Namespace) -> dict[str, float]:
    logs.configure("warning")
    found = list(_measure(options))
    return figures(
        {one.edition: one.reading_b for one in found},
        {one.edition: one.journal_b for one in found},
    )


def _measure(options: argparse.Namespace) -> Iterator[Found]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="saxaul-storage-")))
        databases = stack.enter_context(serving(options.database_url))
        urls = (stack.enter_context(databases.fresh()), f"sqlite:///{folder / 'saxaul.db'}")
        for number, url in enumerate(urls):
            readings = store(url, folder / f"rig-{number}", options.rows)
            engine = open_engine(url)
            try:
                yield _weigh(engine, readings)
            finally:
                engine.dispose()


def _weigh(engine: Engine, readings: int) -> Found:
    """See what readings take with their rollups, and what their journal takes once it is packed."""
    database = describe(engine)
    roll_up(engine)
    compress(engine, database.edition)
    observation_b = bytes_of(engine, OBSERVATIONS) / readings
    loose_b = bytes_of(engine, ROLLUPS) / readings
    pack(engine)
    tidy(engine, (*ROLLUPS, *JOURNAL))
    rollup_b = bytes_of(engine, ROLLUPS) / readings
    journal_b = bytes_of(engine, JOURNAL) / readings
    say(
        f"{database.version}, {readings:,} readings: {observation_b:.2f} B each, {rollup_b:.2f} in"
        f" rollups ({loose_b:.2f} with the room of earlier ones), and {journal_b:.2f} in the packed"
        " journal"
    )
    return Found(database.edition, observation_b + rollup_b, journal_b)


def _options() -> argparse.ArgumentParser:
    parser = options_of(NAME, "Measure what a reading takes on the disk.", _EPILOG)
    add = parser.add_argument
    add(
        "--rows",
        type=count,
        default=2_000_000,
        metavar="N",
        help="readings (default: %(default)s; with few of them, half-empty pages count)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
