"""What warnings cost ingest, and how soon and how often they are told.

10,000 series with three rules each are measured as a day's course takes them past their thresholds.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.alerts_suite import mailing, queueing
from benchmarks.alerts_suite.figures import broken_limits, figures
from benchmarks.alerts_suite.judging import Scale, measure
from benchmarks.alerts_suite.mailing import Course
from benchmarks.bench.command import options_of, run, with_quick
from benchmarks.ingest_suite.databases import serving

NAME = "alerts"
FULL, QUICK = Scale(500, 3), Scale(20, 3)
PEOPLE, QUICK_PEOPLE = 50_000, 1_000
# 200 stations with 20 series every 4 s: 1,000 readings a second.
# In the short one each is past its line for 3 s: what is over before it is told is not told.
COURSE, QUICK_COURSE = Course(200, 4.0, 14), Course(20, 1.0, 8)

_EPILOG = """\
eval_share: which part of the seconds that ingest takes, from bytes to committed, goes into judging,
on TimescaleDB, with 10,000 series of a value a minute, three rules on each and 20 hour batches a
transaction; at most 0.15. readings_per_s: by those seconds, with judging. transitions: how many
came of it, since four of a station's twenty series pass a line by day.
queue_s: from a warning to a queued message for each of 50,000 people; at most 10 s. mail_p99_s:
from sending a reading to the mail that it makes, at 1,000 readings a second, by 200 stations that
pass a line and come back; at most 2 s. duplicates, missed: of those mails; none.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; see `benchmarks.bench.command.run` for the exit code."""
    options = _options().parse_args(arguments)
    return run(NAME, options, lambda: _measure(options), broken_limits)


def _measure(options: argparse.Namespace) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory(prefix="saxaul-alerts-") as folder,
        serving(options.database_url) as databases,
    ):
        with databases.fresh() as url:
            judged = measure(url, QUICK if options.quick else FULL)
        with databases.fresh() as url:
            queued = queueing.measure(url, QUICK_PEOPLE if options.quick else PEOPLE)
        with databases.fresh() as url:
            course = QUICK_COURSE if options.quick else COURSE
            mailed = mailing.measure(url, Path(folder) / "mailing", course)
    return figures(judged, queued, mailed)


def _options() -> argparse.ArgumentParser:
    return with_quick(options_of(NAME, "Measure what warnings cost ingest.", _EPILOG))


if __name__ == "__main__":
    sys.exit(main())
