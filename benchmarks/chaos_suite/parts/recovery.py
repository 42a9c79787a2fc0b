"""Recovery: a week's backlog of 20 sensors once the last fault is over, in each profile."""

import time
from collections.abc import Iterator
from itertools import product

from benchmarks.chaos_suite.parts.options import PROGRAM, Options, Part
from benchmarks.chaos_suite.parts.place import Services, place
from benchmarks.chaos_suite.parts.result import Result
from benchmarks.chaos_suite.recovery.drain import Case, LastFault, Recovery, perform
from benchmarks.chaos_suite.recovery.past import live_through, past_until

DAYS = 7.0


def perform_recoveries(options: Options, services: Services) -> Iterator[Result]:
    """Measure a recovery after each kind of last fault, in each profile."""
    with place(f"backlog-{options.seed}", keep=False) as backlog:
        past = past_until(time.time_ns() // 1_000_000, DAYS, options.seed)
        live_through(past, backlog.folder / "outbox")
        for profile, fault in product(options.profiles, LastFault):
            yield _perform(Case(profile, fault, past, backlog.folder / "outbox"), options, services)
        backlog.held = True


def _perform(case: Case, options: Options, services: Services) -> Result:
    with place(f"recovery-{case.profile}-{case.last_fault}", keep=options.keep) as here:
        recovery = perform(case, here.folder, services.database_for(case.profile))
        here.held = recovery.held
        again = f"--only {Part.RECOVERY} --seed {options.seed} --profile {case.profile}"
        return _result(recovery, f"kept: {here.folder}", f"repeat: {PROGRAM} {again}")


def _result(recovery: Recovery, *trailer: str) -> Result:
    verdict = recovery.verdict
    return Result(
        recovery.held,
        str(recovery),
        {
            "recoveries": 1,
            "sent": verdict.sent,
            "stored": verdict.stored,
            "lost": verdict.lost,
            "duplicated": verdict.duplicated,
            "wrong": verdict.wrong,
        },
        {
            "backlog_s": recovery.backlog_s,
            "live_max_s": recovery.live_max_s,
            "live_back_s": recovery.live_back_s,
            "gateway_growth_mb": recovery.growth_mb,
        },
        [*verdict.examples, *recovery.complaints, *trailer],
    )
