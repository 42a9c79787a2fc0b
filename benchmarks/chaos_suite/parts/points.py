"""Kills at named points of a program's work."""

from collections.abc import Iterator, Sequence

from benchmarks.chaos_suite.experiment import Outcome
from benchmarks.chaos_suite.parts.options import PROGRAM, Options, Part
from benchmarks.chaos_suite.parts.place import REPORT, Services, place
from benchmarks.chaos_suite.parts.result import Result
from benchmarks.chaos_suite.parts.runs import counts_of, story
from benchmarks.chaos_suite.points import names, perform_point
from benchmarks.chaos_suite.schedule import Profile
from deploy.errors import SetupError


def chosen(options: Options) -> list[tuple[str, Profile]]:
    """Name the points to kill at, each with its profile.

    Without a choice as many as there are runs, beginning at a place that the seed gives: runs with
    seeds that count on come to all of them in turn. Raises SetupError for a name that is none.
    """
    known = [(name, profile) for profile in options.profiles for name in names(profile)]
    strange = sorted(set(options.points) - {name for name, _ in known})
    if strange:
        raise SetupError(f"no point is called '{strange[0]}'; there are {', '.join(_all(known))}")
    if options.points:
        return [one for one in known if one[0] in options.points]
    first = options.seed % len(known)
    return [*known[first:], *known[:first]][: options.runs]


def _all(known: Sequence[tuple[str, Profile]]) -> list[str]:
    return list(dict.fromkeys(name for name, _ in known))


def perform_points(options: Options, services: Services) -> Iterator[Result]:
    """Kill at each point that was chosen."""
    for name, profile in chosen(options):
        yield _perform(name, profile, options, services)


def _perform(name: str, profile: Profile, options: Options, services: Services) -> Result:
    with place(f"{name}-{options.seed}", keep=options.keep) as here:
        postgres = services.database_for(profile)
        outcome = perform_point(name, profile, options.seed, here.folder, postgres)
        here.held = outcome.held
        again = f"--point {name} --seed {options.seed} --profile {profile}"
        details = [*story(outcome, here.folder), f"repeat: {PROGRAM} {again}"]
        if not here.held:
            (here.folder / REPORT).write_text("\n".join(details) + "\n", encoding="utf-8")
        return _result(name, profile, outcome, details)


def _result(name: str, profile: Profile, outcome: Outcome, details: Sequence[str]) -> Result:
    return Result(
        outcome.held,
        f"point {name} {profile}: {outcome.verdict}, drained in {outcome.backlog_s:.1f} s",
        {Part.POINTS: 1, **counts_of(outcome)},
        {"drained_s": outcome.backlog_s, "gateway_growth_mb": outcome.growth_mb},
        details,
    )
