"""How many readings a second go from MQTT into the database, beside the bare way to write them.

Gateways publish to a real Mosquitto, `saxaul-server run` stores, and receipts make room for the
next batches. Everything that was sent is counted, and compared, before a figure is told.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ingest_suite import measurements
from benchmarks.ingest_suite.databases import serving
from benchmarks.ingest_suite.figures import broken_limits, figures
from benchmarks.ingest_suite.measurements import Scale
from deploy.errors import SetupError

NAME = "ingest"
PROGRAM = f"bin/bench {NAME}"
HELD, NOT_HELD, MEND, INTERRUPTED = 0, 1, 2, 130
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
    """Measure; 0 when every limit was kept, 1 when not, 2 for what a person can mend.

    130 when interrupted: then there are no figures.
    """
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        told = _measure(options)
    except SetupError as error:
        _say(f"{PROGRAM}: {error}")
        return MEND
    except KeyboardInterrupt:
        return INTERRUPTED
    broken = broken_limits(told)
    for one in broken:
        _say(f"NOT HELD: {one}")
    if options.json:
        print(json.dumps({"name": NAME, "figures": told, "held": not broken}))
    else:
        print(" ".join(f"{key} {value:g}" for key, value in told.items()))
    return NOT_HELD if broken else HELD


def _measure(options: argparse.Namespace) -> dict[str, float]:
    scale = _scale(options)
    with tempfile.TemporaryDirectory(prefix="saxaul-ingest-") as name:
        folder = Path(name)
        with serving(options.database_url) as databases:
            timescale = measurements.on_timescale(databases, folder, scale, _say)
        sqlite = measurements.on_sqlite(folder, scale, _say)
    return figures(timescale, sqlite, scale.rows)


def _scale(options: argparse.Namespace) -> Scale:
    if options.quick:
        return Scale(QUICK_GATEWAYS, QUICK_SECONDS, QUICK_ROWS, QUICK_STALL_S)
    return Scale(GATEWAYS, options.seconds, options.rows, STALL_S)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Measure how many readings a second the server stores.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--json", action="store_true", help="print one JSON line on standard output")
    add(
        "--rows",
        type=_rows,
        default=20_000_000,
        metavar="N",
        help="rows there before the last measurement (default: %(default)s)",
    )
    add(
        "--seconds",
        type=_seconds,
        default=20.0,
        metavar="S",
        help="for so long each measurement sends (default: %(default)s)",
    )
    add(
        "--database-url",
        metavar="URL",
        help="another PostgreSQL, on which databases may be created (default: one of our own)",
    )
    add("--quick", action="store_true", help="only show that it works: the figures mean nothing")
    return parser.parse_args(arguments)


def _rows(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of rows: at least 1")
    return int(text)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 600:
        raise argparse.ArgumentTypeError("write more than 0 and at most 600")
    return seconds


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
