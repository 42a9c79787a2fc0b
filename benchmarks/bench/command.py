"""A bench as a command: options in, one line of figures out, an exit code that says if it held."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from deploy.errors import SetupError

HELD, NOT_HELD, MEND, INTERRUPTED = 0, 1, 2, 130
_LONGEST_S = 600


def options_of(name: str, question: str, figures: str) -> argparse.ArgumentParser:
    """Make a parser with the options that every bench has; `figures` says what they mean."""
    parser = argparse.ArgumentParser(
        prog=f"bin/bench {name}",
        description=question,
        epilog=figures,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON line on standard output"
    )
    parser.add_argument(
        "--database-url",
        metavar="URL",
        help="another PostgreSQL, on which databases may be created (default: one of our own)",
    )
    return parser


def with_quick(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the option for a run that measures nothing."""
    parser.add_argument(
        "--quick", action="store_true", help="only show that it works: the figures mean nothing"
    )
    return parser


def run(
    name: str,
    options: argparse.Namespace,
    measure: Callable[[], Mapping[str, float]],
    broken_limits: Callable[[Mapping[str, float]], Sequence[str]],
) -> int:
    """Measure; 0 when every limit was kept, 1 when not, 2 for what a person can mend.

    130 when interrupted: then there are no figures.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        told = measure()
    except SetupError as error:
        say(f"bin/bench {name}: {error}")
        return MEND
    except KeyboardInterrupt:
        return INTERRUPTED
    broken = broken_limits(told)
    for one in broken:
        say(f"NOT HELD: {one}")
    if options.json:
        print(json.dumps({"name": name, "figures": told, "held": not broken}))
    else:
        print(" ".join(f"{key} {value:g}" for key, value in told.items()))
    return NOT_HELD if broken else HELD


def count(text: str) -> int:
    """Read a number of things, at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number: at least 1")
    return int(text)


def seconds(text: str) -> float:
    """Read for how long, up to ten minutes."""
    wanted = float(text)
    if not 0 < wanted <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"write more than 0 and at most {_LONGEST_S}")
    return wanted


def say(text: str) -> None:
    """Tell a person how it goes, beside the figures."""
    print(text, file=sys.stderr, flush=True)
