"""How many readings a second go from MQTT into the database, beside the bare way to write them.

Gateways publish to a real Mosquitto, `saxaul-server run` stores, and receipts make room for the
next batches. Everything that was sent is counted, and compared, before a figure is told.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench.command import count, options_of, run, say, seconds, with_quick
from benchmarks.ingest_suite import measurements
from benchmarks.ingest_suite.databases import serving
from benchmarks.ingest_suite.figures import broken_limits, figures
from benchmarks.ingest_suite.measurements import Scale

NAME = "ingest"
GATEWAYS, QUICK_GATEWAYS = 200, 8
STALL_S, QUICK_STALL_S = 6.0, 0.5
QUICK_ROWS, QUICK_SECONDS = 20_000, 0.25

_EPILOG = """\
A station has 20 series. hour_rps: batches of 60 minutes; row_rps: batches of one minute. The clock
runs from the first publish to the last commit, with broker, database, load generator and server on
this machine. bare_rps: the same rows by binary COPY into a temporary table and INSERT ... ON
CONFLICT DO NOTHING, from arrays, in one process; hour_ratio is hour_rps by that. full_rps: hour
batches with --rows rows there before; flat_ratio is that by hour_rps. sqlite_rps and
sqlite_bare_rps: the same on SQLite, behind Mosquitto as well, and by executemany. rss_mb: the
server's memory at most; stalled_rss_mb: while the database stands still.

200 gateways send: with 64 batches in flight and a receipt a second, 100 of them could not bring
more than 128,000 one-row readings a second. Nothing is sent twice: a figure is told only when all
that was sent is there, once and unchanged.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; see `benchmarks.bench.command.run` for the exit code."""
    options = _options().parse_args(arguments)
    return run(NAME, options, lambda: _measure(options), broken_limits)


def _measure(options: argparse.Namespace) -> dict[str, float]:
    scale = _scale(options)
    with tempfile.TemporaryDirectory(prefix="saxaul-ingest-") as name:
        folder = Path(name)
        with serving(options.database_url) as databases:
            timescale = measurements.on_timescale(databases, folder, scale, say)
        sqlite = measurements.on_sqlite(folder, scale, say)
    return figures(timescale, sqlite, scale.rows)


def _scale(options: argparse.Namespace) -> Scale:
    if options.quick:
        return Scale(QUICK_GATEWAYS, QUICK_SECONDS, QUICK_ROWS, QUICK_STALL_S)
    return Scale(GATEWAYS, options.seconds, options.rows, STALL_S)


def _options() -> argparse.ArgumentParser:
    parser = options_of(NAME, "Measure how many readings a second the server stores.", _EPILOG)
    add = parser.add_argument
    add(
        "--rows",
        type=count,
        default=20_000_000,
        metavar="N",
        help="rows there before the last measurement (default: %(default)s)",
    )
    add(
        "--seconds",
        type=seconds,
        default=20.0,
        metavar="S",
        help="for so long each measurement sends (default: %(default)s)",
    )
    return with_quick(parser)


if __name__ == "__main__":
    sys.exit(main())
