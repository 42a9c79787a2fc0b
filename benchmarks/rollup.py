"""How fast hourly and daily values are computed, beside one bare statement; what marks cost ingest.

Readings are stored as ingest stores them, an hour of all series after the other; then all that was
marked is worked off at once, hours and days, without the rests that the server takes.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench.command import options_of, run, with_quick
from benchmarks.ingest_suite.databases import serving
from benchmarks.rollup_suite.figures import broken_limits, figures
from benchmarks.rollup_suite.measurements import Scale, on_sqlite, on_timescale

NAME = "rollup"
FULL, SQLITE, QUICK = Scale(1_000, 48), Scale(200, 24), Scale(20, 3)

_EPILOG = """\
readings_per_s: readings whose hours and days are computed, by the seconds that takes, on
TimescaleDB; sqlite_per_s: on SQLite. bare_per_s: by one INSERT ... SELECT ... GROUP BY for the
hours and one for the days, over all of it at once, which knows no marks; ratio is readings_per_s by
that, at least 0.7. mark_cost_ratio: how fast readings are stored with their marks, by how fast
without, at least 0.95 (sqlite_mark_cost_ratio: on SQLite).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; see `benchmarks.bench.command.run` for the exit code."""
    options = _options().parse_args(arguments)
    return run(NAME, options, lambda: _measure(options), broken_limits)


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


def _options() -> argparse.ArgumentParser:
    parser = options_of(
        NAME, "Measure how fast rollups are computed, and what their marks cost.", _EPILOG
    )
    return with_quick(parser)


if __name__ == "__main__":
    sys.exit(main())
