"""How fast hourly and daily values are computed, beside one bare statement; what marks cost ingest.

Readings are stored as ingest stores them, an hour of all series after the other; then all that was
marked is worked off at once, hours and days, without the rests that the server takes.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ingest_suite.databases import serving
from benchmarks.rollup_suite.figures import broken_limits, figures
from benchmarks.rollup_suite.measurements import Scale, on_sqlite, on_timescale
from deploy.errors import SetupError

NAME = "rollup"
PROGRAM = f"bin/bench {NAME}"
HELD, NOT_HELD, MEND, INTERRUPTED = 0, 1, 2, 130
FULL, SQLITE, QUICK = Scale(1_000, 48), Scale(200, 24), Scale(20, 3)

_EPILOG = """\
readings_per_s: readings whose hours and days are computed, by the seconds that takes, on
TimescaleDB; sqlite_per_s: on SQLite. bare_per_s: by one INSERT ... SELECT ... GROUP BY for the
hours and one for the days, over all of it at once, which knows no marks; ratio is readings_per_s by
that, at least 0.7. mark_cost_ratio: how fast readings are stored with their marks, by how fast
without, at least 0.95 (sqlite_mark_cost_ratio: on SQLite).
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
    with (
        tempfile.TemporaryDirectory(prefix="saxaul-rollup-") as folder,
        serving(options.database_url) as databases,
        databases.fresh() as url,
    ):
        filled, rolled, bare_s = on_timescale(url, QUICK if options.quick else FULL)
        sqlite_url = f"sqlite:///{Path(folder) / 'saxaul.db'}"
        sqlite = on_sqlite(sqlite_url, QUICK if options.quick else SQLITE)
    return figures(filled, rolled, bare_s, sqlite)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Measure how fast rollups are computed, and what their marks cost.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--json", action="store_true", help="print one JSON line on standard output")
    add(
        "--database-url",
        metavar="URL",
        help="another PostgreSQL, on which databases may be created (default: one of our own)",
    )
    add("--quick", action="store_true", help="only show that it works: the figures mean nothing")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
