"""How large a fleet of gateways broker, server and database on this machine serve.

Each gateway has its own MQTT connection to a real Mosquitto and sends as it would in the field;
ingest runs in workers that share the load. What was sent is compared with what is stored.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fleet_suite import limits
from benchmarks.fleet_suite.figures import broken_limits, figures
from benchmarks.fleet_suite.measurements import Scale, measure
from benchmarks.ingest_suite.databases import serving
from benchmarks.ingest_suite.station import CHANNELS
from deploy.errors import SetupError

NAME = "fleet"
PROGRAM = f"bin/bench {NAME}"
HELD, NOT_HELD, MEND, INTERRUPTED = 0, 1, 2, 130
GATEWAYS, QUICK_GATEWAYS = 10_000, 40
EVERY_S = HEARTBEAT_S = 60.0
STAGES, QUICK_STAGES = 8, 2

_EPILOG = """\
A gateway has 20 series and sends one batch and one status a minute. connections: how many the
broker holds; receipt_p50_s, receipt_p95_s: from when a batch is due until its receipt, with so many
gateways; readings_per_s: what they bring. Then all send twice as often, and twice again, until
receipts take longer than 5 s: most_gateways is the largest fleet, in gateways with a batch a
minute, whose receipts came in time. cpu_share: of all processors, what broker, server and database
take. cold_s, burst_s: until all have the receipt of a batch that all send at once; the first time
the server looks each gateway's series up. storm_s: after a restart of the broker, until every
gateway is connected again and has the receipt of a batch it had waiting. announced_per_s: new
gateways whose inventory is taken in; statuses_per_s: statuses, of gateways that speak all at once.

Before a figure is told, every batch that was sent is found in the database, once and unchanged.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 when every limit was kept, 1 when not, 2 for what a person can mend.

    130 when interrupted: then there are no figures.
    """
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        told = _measure(options)
    except SetupError as error:
        _say(f"{PROGRAM}: {error}")
        return MEND
    except KeyboardInterrupt:
        return INTERRUPTED
    broken = broken_limits(told)
    for one in broken:
        _say(f"NOT HELD: {one}")
    if options.json:
        print(json.dumps({"name": NAME, "figures": told, "held": not broken}))
    else:
        print(" ".join(f"{key} {value:g}" for key, value in told.items()))
    return NOT_HELD if broken else HELD


def _measure(options: argparse.Namespace) -> dict[str, float]:
    scale = _scale(options)
    room = limits.connections()
    if scale.gateways > room:
        raise SetupError(
            f"a process may hold {room} connections here, not {scale.gateways}: raise the limit of "
            "open files (ulimit -Hn), or ask for fewer with --gateways"
        )
    with (
        tempfile.TemporaryDirectory(prefix="saxaul-fleet-") as name,
        serving(options.database_url) as databases,
    ):
        return figures(measure(databases, Path(name), scale, _say), len(CHANNELS))


def _scale(options: argparse.Namespace) -> Scale:
    if options.quick:
        return Scale(
            gateways=QUICK_GATEWAYS,
            seconds=0.5,
            every_s=2.0,
            heartbeat_s=2.0,
            workers=options.workers,
            most_stages=QUICK_STAGES,
            patience_s=60.0,
            settle_s=0.2,
            announced=8,
        )
    return Scale(
        gateways=options.gateways,
        seconds=options.seconds,
        every_s=options.every,
        heartbeat_s=HEARTBEAT_S,
        workers=options.workers,
        most_stages=STAGES,
        patience_s=120.0,
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Measure how large a fleet of gateways one machine serves.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--json", action="store_true", help="print one JSON line on standard output")
    add(
        "--gateways",
        type=_count,
        default=GATEWAYS,
        metavar="N",
        help="so many connect (default: %(default)s)",
    )
    add(
        "--seconds",
        type=_seconds,
        default=10.0,
        metavar="S",
        help="for so long each rate is looked at (default: %(default)s)",
    )
    add(
        "--every",
        type=_seconds,
        default=EVERY_S,
        metavar="S",
        help="seconds between a gateway's batches at first (default: %(default)s)",
    )
    add(
        "--workers",
        type=_count,
        default=2,
        metavar="N",
        help="processes that take in (default: %(default)s)",
    )
    add(
        "--database-url",
        metavar="URL",
        help="another PostgreSQL, on which databases may be created (default: one of our own)",
    )
    add("--quick", action="store_true", help="only show that it works: the figures mean nothing")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number: write 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 600:
        raise argparse.ArgumentTypeError("write more than 0 and at most 600")
    return seconds


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
