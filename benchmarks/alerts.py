"""What warnings cost ingest, and how soon and how often they are told.

10,000 series with three rules each are measured as a day's course takes them past their thresholds.
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks.alerts_suite.figures import broken_limits, figures
from benchmarks.alerts_suite.judging import Scale, measure
from benchmarks.bench.command import options_of, run, with_quick
from benchmarks.ingest_suite.databases import serving

NAME = "alerts"
FULL, QUICK = Scale(500, 3), Scale(20, 3)

_EPILOG = """\
eval_share: which part of the seconds that ingest takes, from bytes to committed, goes into judging,
on TimescaleDB, with 10,000 series of a value a minute, three rules on each and 20 hour batches a
transaction; at most 0.15. readings_per_s: by those seconds, with judging. transitions: how many
came of it, since four of a station's twenty series pass a line by day.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; see `benchmarks.bench.command.run` for the exit code."""
    options = _options().parse_args(arguments)
    return run(NAME, options, lambda: _measure(options), broken_limits)


def _measure(options: argparse.Namespace) -> dict[str, float]:
    with serving(options.database_url) as databases, databases.fresh() as url:
        return figures(measure(url, QUICK if options.quick else FULL))


def _options() -> argparse.ArgumentParser:
    return with_quick(options_of(NAME, "Measure what warnings cost ingest.", _EPILOG))


if __name__ == "__main__":
    sys.exit(main())
