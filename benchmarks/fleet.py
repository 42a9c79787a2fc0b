"""How large a fleet of gateways broker, server and database on this machine serve.

Each gateway has its own MQTT connection to a real Mosquitto and sends as it would in the field;
ingest runs in workers that share the load. What was sent is compared with what is stored.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench.command import count, options_of, run, say, seconds, with_quick
from benchmarks.fleet_suite import limits
from benchmarks.fleet_suite.figures import broken_limits, figures
from benchmarks.fleet_suite.measurements import Scale, measure
from benchmarks.ingest_suite.databases import serving
from benchmarks.ingest_suite.station import CHANNELS
from deploy.errors import SetupError

NAME = "fleet"
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
    """Measure; see `benchmarks.bench.command.run` for the exit code."""
    options = _options().parse_args(arguments)
    return run(NAME, options, lambda: _measure(options), broken_limits)


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
        return figures(measure(databases, Path(name), scale, say), len(CHANNELS))


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


def _options() -> argparse.ArgumentParser:
    parser = options_of(NAME, "Measure how large a fleet of gateways one machine serves.", _EPILOG)
    add = parser.add_argument
    add(
        "--gateways",
        type=count,
        default=GATEWAYS,
        metavar="N",
        help="so many connect (default: %(default)s)",
    )
    add(
        "--seconds",
        type=seconds,
        default=10.0,
        metavar="S",
        help="for so long each rate is looked at (default: %(default)s)",
    )
    add(
        "--every",
        type=seconds,
        default=EVERY_S,
        metavar="S",
        help="seconds between a gateway's batches at first (default: %(default)s)",
    )
    add(
        "--workers",
        type=count,
        default=2,
        metavar="N",
        help="processes that take in (default: %(default)s)",
    )
    return with_quick(parser)


if __name__ == "__main__":
    sys.exit(main())
