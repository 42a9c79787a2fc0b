"""The command line of `bin/bench chaos`."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import SystemRandom

from benchmarks.chaos_suite.schedule import Profile

PROGRAM = "bin/bench chaos"
_BOTH = "both"

_EPILOG = """\
Figures of the JSON line: runs (random ones that ended), sent, stored, lost (beyond what gateways
report as given up for their disk budget), duplicated, wrong: sums over runs, points and recoveries;
backlog_s and live_max_s: the slowest recovery, and the slowest live reading meanwhile; and
gateway_growth_mb: the most that a gateway grew by its backlog. A figure that no part has measured,
because of --only, is left out. It held when lost, duplicated and wrong are 0, backlog_s is at most
60, live_max_s under 2, gateway_growth_mb at most 5, and no program did what it should not.
"""


class Part(StrEnum):
    """What is done, in this order."""

    RUNS = "runs"  # random faults
    POINTS = "points"  # kills at named points of a program's work
    POWER_CUTS = "power-cuts"  # of the outbox's disk, rebuilt as it may stand afterwards
    RECOVERY = "recovery"  # a week's backlog after the last fault
    MEMORY = "memory"  # of a gateway with a month unsent


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. Run k has seed + k; without `points` there are as many as runs."""

    runs: int
    seed: int
    profiles: Sequence[Profile]
    seconds: float
    states: int
    parts: Sequence[Part]
    points: Sequence[str]
    jobs: int
    keep: bool
    json: bool


def parse(arguments: Sequence[str] | None) -> Options:
    """Read the command line; exits with a usage message for what makes no sense."""
    parser = _parser()
    given = parser.parse_args(arguments)
    parts = list(Part) if given.only is None else given.only
    return Options(
        runs=given.runs,
        seed=given.seed,
        profiles=list(Profile) if given.profile == _BOTH else [Profile(given.profile)],
        seconds=given.seconds,
        states=given.states,
        parts=[Part.POINTS] if given.point and given.only is None else parts,
        points=given.point,
        jobs=given.jobs,
        keep=given.keep,
        json=given.json,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Strike real gateways, brokers, servers and databases, and account for every"
        " reading afterwards.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--runs", type=_count, default=10, metavar="N", help="random runs (default: %(default)s)")
    add(
        "--seed",
        type=int,
        default=SystemRandom().randrange(10**6),
        metavar="S",
        help="of the first run; the next ones count on (default: by chance)",
    )
    add("--profile", choices=[*Profile, _BOTH], default=_BOTH, help="default: %(default)s")
    add(
        "--only",
        type=_parts,
        metavar="PART,...",
        help=f"do not all, but only: {', '.join(Part)}",
    )
    add("--seconds", type=float, default=8.0, metavar="S", help="how long faults strike in a run")
    add(
        "--point",
        action="append",
        default=[],
        metavar="NAME",
        help="a named point to kill at; may be repeated (default: as many as there are runs, all"
        " in the end)",
    )
    add(
        "--states", type=_count, default=4000, metavar="N", help="power cuts (default: %(default)s)"
    )
    add("--jobs", type=_count, default=1, metavar="J", help="random runs at a time")
    add("--keep", action="store_true", help="keep the folders of what held, too")
    add("--json", action="store_true", help="print one JSON line on standard output")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _parts(text: str) -> list[Part]:
    try:
        chosen = {Part(word.strip()) for word in text.split(",")}
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}: {', '.join(Part)}") from None
    return [part for part in Part if part in chosen]
