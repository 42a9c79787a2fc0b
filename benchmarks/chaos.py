"""Does anything lose, double or change a reading? Random faults against the whole pipeline.

Each run draws faults from its seed, strikes real processes with them for some seconds, heals,
lets all outboxes drain, and compares them with the database reading by reading.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom

from benchmarks.chaos_suite.experiment import Outcome, perform
from benchmarks.chaos_suite.rig import clean_up
from benchmarks.chaos_suite.schedule import Profile, Schedule, draw
from deploy.errors import SetupError
from deploy.local_postgres import LocalPostgres
from deploy.postgres_install import need

NAME = "chaos"
BOTH = "both"
_REPORT = "outcome.txt"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 when every promise was kept, 1 when not, 2 for what a person can mend."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    schedules = plan(options.seed, options.runs, options.profile, options.seconds)
    _say(f"seed {options.seed}")
    try:
        outcomes = list(_perform_all(schedules, keep=options.keep))
    except SetupError as error:
        _say(f"bin/bench {NAME}: {error}")
        return 2
    except KeyboardInterrupt:
        return 130
    held = all(one.held for one in outcomes)
    told = {"name": NAME, "figures": figures(outcomes), "held": held}
    print(json.dumps(told) if options.json else _table(outcomes))
    return 0 if held else 1


def plan(seed: int, runs: int, profile: str, seconds: float) -> list[Schedule]:
    """Draw the schedules; run k has seed + k, so that it can be repeated alone.

    With "both" an even seed means the embedded profile, an odd one the full.
    """
    alternating = (Profile.EMBEDDED, Profile.FULL)
    return [
        draw(one, alternating[one % 2] if profile == BOTH else Profile(profile), seconds)
        for one in range(seed, seed + runs)
    ]


def figures(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Sum the counts; of times and memory take the most. Live delay is not measured here."""
    verdicts = [one.verdict for one in outcomes]
    return {
        "runs": len(outcomes),
        "sent": sum(one.sent for one in verdicts),
        "stored": sum(one.stored for one in verdicts),
        "lost": sum(one.lost for one in verdicts),
        "duplicated": sum(one.duplicated for one in verdicts),
        "wrong": sum(one.wrong for one in verdicts),
        "backlog_s": round(max((one.backlog_s for one in outcomes), default=0.0), 2),
        "gateway_growth_mb": round(max((one.growth_mb for one in outcomes), default=0.0), 2),
    }


def _perform_all(schedules: Sequence[Schedule], *, keep: bool) -> Iterator[Outcome]:
    with _database_server(schedules) as postgres:
        for schedule in schedules:
            yield _perform(schedule, postgres, keep=keep)


@contextmanager
def _database_server(schedules: Sequence[Schedule]) -> Iterator[LocalPostgres | None]:
    """Start a database server if a run needs one; durable, for runs kill it."""
    if all(one.profile is Profile.EMBEDDED for one in schedules):
        yield None
        return
    install = need()
    server = LocalPostgres(install.scratch_folder(), install)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _perform(schedule: Schedule, postgres: LocalPostgres | None, *, keep: bool) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix=f"saxaul-chaos-{schedule.seed}-"))
    try:
        outcome = perform(schedule, folder, postgres)
    except KeyboardInterrupt:
        clean_up(folder)
        raise
    _say(_line(outcome))
    if outcome.held and not keep:
        clean_up(folder)
    else:
        _say(report(outcome, folder))
        (folder / _REPORT).write_text(report(outcome, folder) + "\n", encoding="utf-8")
    return outcome


def report(outcome: Outcome, folder: Path) -> str:
    """Say what went wrong in a run, what was done to it, and how to repeat it."""
    schedule = outcome.schedule
    again = f"--seed {schedule.seed} --runs 1 --profile {schedule.profile}"
    return "\n".join(
        (
            *(f"  {one}" for one in (*outcome.verdict.examples, *outcome.complaints)),
            "  faults, in seconds after the start:",
            *(f"  {one}" for one in outcome.diary),
            f"  kept: {folder}",
            f"  repeat: bin/bench {NAME} {again} --seconds {schedule.seconds:g}",
        )
    )


def _line(outcome: Outcome) -> str:
    schedule = outcome.schedule
    word = "held" if outcome.held else "NOT HELD"
    return (
        f"run {schedule.seed} {schedule.profile}: {len(schedule.faults)} faults, {outcome.verdict},"
        f" backlog {outcome.backlog_s:.1f} s, growth {outcome.growth_mb:.1f} MB: {word}"
    )


def _table(outcomes: Sequence[Outcome]) -> str:
    return " ".join(f"{key} {value:g}" for key, value in figures(outcomes).items())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"bin/bench {NAME}", description=__doc__)
    add = parser.add_argument
    add("--runs", type=int, default=10, metavar="N", help="default: %(default)s")
    add(
        "--seed",
        type=int,
        default=SystemRandom().randrange(10**6),
        metavar="S",
        help="seed of the first run; the next ones count on (default: by chance)",
    )
    add("--profile", choices=[*Profile, BOTH], default=BOTH, help="default: alternating")
    add(
        "--seconds",
        type=float,
        default=8.0,
        metavar="S",
        help="how long faults strike in each run (default: %(default)s)",
    )
    add("--keep", action="store_true", help="keep the folders of runs that held, too")
    add("--json", action="store_true", help="print one JSON line on standard output")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
