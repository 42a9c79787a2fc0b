"""Power cuts under the outbox."""

from collections.abc import Iterator

from benchmarks.chaos_suite.parts.options import PROGRAM, Options, Part
from benchmarks.chaos_suite.parts.place import Services, place
from benchmarks.chaos_suite.parts.result import Result
from benchmarks.chaos_suite.power_cut import perform


def perform_power_cuts(options: Options, _services: Services) -> Iterator[Result]:
    """Record one life of an outbox, and reopen it as it may stand after each of many cuts."""
    with place(f"power-cuts-{options.seed}", keep=options.keep) as here:
        outcome = perform(options.seed, options.states, here.folder)
        here.held = outcome.held
        again = f"--only {Part.POWER_CUTS} --seed {options.seed} --states {options.states}"
        yield Result(
            outcome.held,
            str(outcome).replace("\n", "; "),
            # States, not readings: they must not be added to those that a database lost.
            {"power_cut_states": outcome.states, "salvaged_states": outcome.salvaged},
            details=[*outcome.examples, f"kept: {here.folder}", f"repeat: {PROGRAM} {again}"],
        )
