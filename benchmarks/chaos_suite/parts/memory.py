"""Memory: a gateway with a month unsent beside one with nothing."""

import time
from collections.abc import Iterator

from benchmarks.chaos_suite.parts.options import PROGRAM, Options, Part
from benchmarks.chaos_suite.parts.place import Services, place
from benchmarks.chaos_suite.parts.result import Result
from benchmarks.chaos_suite.recovery.memory import perform
from benchmarks.chaos_suite.recovery.past import live_through, past_until

DAYS = 30.0
# Nearly as much as one batch takes: while it is watched, the gateway seals the largest there is.
PENDING_MINUTES = 83
SECONDS = 32.0


def perform_memory(options: Options, _services: Services) -> Iterator[Result]:
    """Build the month once, and watch."""
    with place("memory", keep=options.keep) as here:
        past = past_until(time.time_ns() // 1_000_000, DAYS, options.seed, PENDING_MINUTES)
        live_through(past, here.folder / "outbox")
        cost = perform(here.folder / "outbox", SECONDS, here.folder)
        here.held = not cost.complaints
        yield Result(
            here.held,
            str(cost),
            peaks={"gateway_growth_mb": cost.growth_mb, "gateway_rss_mb": cost.most_mb},
            details=[
                *cost.complaints,
                f"kept: {here.folder}",
                f"repeat: {PROGRAM} --only {Part.MEMORY}",
            ],
        )
