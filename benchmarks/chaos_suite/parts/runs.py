"""Random faults: one run a seed, several at a time if asked to."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty

from benchmarks.chaos_suite.experiment import Outcome, perform
from benchmarks.chaos_suite.parts.options import PROGRAM, Options, Part
from benchmarks.chaos_suite.parts.place import REPORT, Services, place
from benchmarks.chaos_suite.parts.result import Result
from benchmarks.chaos_suite.schedule import Profile, Schedule, draw
from deploy.errors import SetupError

# A worker that was told to stop undoes what it has started; more than that it does not get.
_FAREWELL_S = 20.0
_LOOK_S = 0.5


def plan(seed: int, runs: int, profiles: Sequence[Profile], seconds: float) -> list[Schedule]:
    """Draw the schedules; run k has seed + k, so that it can be repeated alone.

    With both profiles an even seed means the embedded one, an odd one the full.
    """
    return [draw(one, profiles[one % len(profiles)], seconds) for one in range(seed, seed + runs)]


def perform_runs(options: Options, services: Services) -> Iterator[Result]:
    """Carry out all runs; results come as runs end."""
    schedules = plan(options.seed, options.runs, options.profiles, options.seconds)
    if options.jobs > 1:
        yield from _side_by_side(schedules, options)
        return
    for schedule in schedules:
        yield perform_run(schedule, services, keep=options.keep)


def perform_run(schedule: Schedule, services: Services, *, keep: bool) -> Result:
    """Carry out one run in a folder of its own."""
    with place(str(schedule.seed), keep=keep) as here:
        outcome = perform(schedule, here.folder, services.database_for(schedule.profile))
        here.held = outcome.held
        if not outcome.held or keep:
            (here.folder / REPORT).write_text(report(outcome, here.folder) + "\n", encoding="utf-8")
        return result_of(outcome, here.folder)


def result_of(outcome: Outcome, folder: Path) -> Result:
    """Put a run in terms that can be added up. What a gateway reports as given up is not lost."""
    schedule, verdict = outcome.schedule, outcome.verdict
    line = (
        f"run {schedule.seed} {schedule.profile}: {len(schedule.faults)} faults, {verdict},"
        f" drained in {outcome.backlog_s:.1f} s, growth {outcome.growth_mb:.1f} MB"
    )
    return Result(
        outcome.held,
        line,
        {"runs": 1, "faults": len(schedule.faults), **counts_of(outcome)},
        {"drained_s": outcome.backlog_s, "gateway_growth_mb": outcome.growth_mb},
        report(outcome, folder).splitlines(),
    )


def counts_of(outcome: Outcome) -> dict[str, float]:
    """Count readings, and the hostile payloads mixed in."""
    verdict = outcome.verdict
    return {
        "sent": verdict.sent,
        "stored": verdict.stored,
        "lost": max(0, verdict.lost - outcome.reported),
        "given_up": outcome.reported,
        "duplicated": verdict.duplicated,
        "wrong": verdict.wrong,
        "hostile": outcome.hostile,
    }


def report(outcome: Outcome, folder: Path) -> str:
    """Say what went wrong in a run, what was done to it, and how to repeat it."""
    schedule = outcome.schedule
    again = f"--only {Part.RUNS} --seed {schedule.seed} --runs 1 --profile {schedule.profile}"
    return "\n".join(
        (*story(outcome, folder), f"repeat: {PROGRAM} {again} --seconds {schedule.seconds:g}")
    )


def story(outcome: Outcome, folder: Path) -> list[str]:
    """Say what went wrong, what was done, and where the rest can be read."""
    return [
        *outcome.verdict.examples,
        *outcome.complaints,
        "faults, in seconds after the start:",
        *outcome.diary,
        f"kept: {folder}",
    ]


# ------------------------------------------------------------ side by side


def _side_by_side(schedules: Sequence[Schedule], options: Options) -> Iterator[Result]:
    """Give each of some processes the next schedule when it is done with one.

    Each has a database server of its own: runs kill it.
    """
    context = get_context("spawn")
    todo: Queue[Schedule | None] = context.Queue()
    done: Queue[Result | str] = context.Queue()
    for schedule in (*schedules, *[None] * options.jobs):
        todo.put(schedule)
    workers = [
        context.Process(target=_work, args=(todo, done, options.keep)) for _ in range(options.jobs)
    ]
    try:
        for worker in workers:
            worker.start()
        for _ in schedules:
            yield _next(done, workers)
    finally:
        _dismiss(workers)


def _next(done: "Queue[Result | str]", workers: Sequence[SpawnProcess]) -> Result:
    """Wait for a result; raises SetupError with what a worker says, or when all are gone."""
    while True:
        try:
            found = done.get(timeout=_LOOK_S)
        except Empty:
            if not any(worker.is_alive() for worker in workers):
                raise SetupError("all processes that perform runs have ended") from None
            continue
        if isinstance(found, str):
            raise SetupError(found)
        return found


def _dismiss(workers: Sequence[SpawnProcess]) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.terminate()
    for worker in workers:
        if worker.pid is not None:
            worker.join(_FAREWELL_S)
            worker.kill()


def _work(todo: "Queue[Schedule | None]", done: "Queue[Result | str]", keep: bool) -> None:  # noqa: FBT001 - a process's arguments are positional
    """Perform runs until there are no more, or until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C: we are told otherwise
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with closing(Services()) as services:
            for schedule in iter(todo.get, None):
                done.put(perform_run(schedule, services, keep=keep))
    except SetupError as error:
        done.put(str(error))
    except KeyboardInterrupt:
        return
