"""Does anything lose, double or change a reading? Faults against the whole pipeline.

Random faults and kills at named points, each time with an account of every reading; power cuts
under the outbox; then how fast a week's backlog comes in, and what a month's costs in memory.
"""

import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import product

from benchmarks.chaos_suite.parts import summary
from benchmarks.chaos_suite.parts.memory import perform_memory
from benchmarks.chaos_suite.parts.options import PROGRAM, Options, Part, parse
from benchmarks.chaos_suite.parts.place import Services
from benchmarks.chaos_suite.parts.points import chosen, perform_points
from benchmarks.chaos_suite.parts.power_cuts import perform_power_cuts
from benchmarks.chaos_suite.parts.progress import Telling, telling
from benchmarks.chaos_suite.parts.recovery import perform_recoveries
from benchmarks.chaos_suite.parts.result import Result
from benchmarks.chaos_suite.parts.runs import perform_runs
from benchmarks.chaos_suite.recovery.drain import LastFault
from deploy.errors import SetupError
from gateway import logs

NAME = "chaos"
HELD, NOT_HELD, MEND, INTERRUPTED = 0, 1, 2, 130

PERFORM: Mapping[Part, Callable[[Options, Services], Iterator[Result]]] = {
    Part.RUNS: perform_runs,
    Part.POINTS: perform_points,
    Part.POWER_CUTS: perform_power_cuts,
    Part.RECOVERY: perform_recoveries,
    Part.MEMORY: perform_memory,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 when every promise was kept, 1 when not, 2 for what a person can mend.

    130 when interrupted; what is known by then is printed all the same, as not held.
    """
    options = parse(arguments)
    logs.configure("warning")  # the outboxes that are made in this process
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Found by writing a file, which would be left there by whoever is interrupted at that moment.
    tempfile.gettempdir()
    with telling() as tells:
        try:
            tells.say(f"seed {options.seed}")
            _perform(options, tells)
        except SetupError as error:
            tells.say(f"{PROGRAM}: {error}")
            return MEND
        except KeyboardInterrupt:
            _print(options, tells.results, held=False)
            return INTERRUPTED
        for broken in summary.broken_limits(summary.figures(tells.results)):
            tells.say(f"NOT HELD: {broken}")
    held = summary.has_held(tells.results)
    _print(options, tells.results, held=held)
    return HELD if held else NOT_HELD


def _perform(options: Options, tells: Telling) -> None:
    with closing(Services()) as services:
        for part in options.parts:
            tells.follow(part, _total(part, options), PERFORM[part](options, services))


def _total(part: Part, options: Options) -> int:
    """Tell how many results a part will give; raises SetupError for a point that is none."""
    match part:
        case Part.RUNS:
            return options.runs
        case Part.POINTS:
            return len(chosen(options))
        case Part.RECOVERY:
            return len(list(product(options.profiles, LastFault)))
    return 1


def _print(options: Options, results: Sequence[Result], *, held: bool) -> None:
    figures = summary.figures(results)
    told = {"name": NAME, "figures": figures, "held": held}
    print(json.dumps(told) if options.json else summary.table(figures))


if __name__ == "__main__":
    sys.exit(main())
