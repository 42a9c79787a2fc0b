"""How long readers wait for plots and newest values, beside aggregating all rows of a year.

A year of a thousand series is asked of a running server, undisturbed and while gateways send.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from benchmarks.bench.command import count, options_of, run, say, with_quick
from benchmarks.chaos_suite.rig import program
from benchmarks.ingest_suite.databases import now_ms, serving
from benchmarks.ingest_suite.rig import Rig, cpu_s, running
from benchmarks.ingest_suite.station import CHANNELS, MINUTE_MS, Load, gateway_names
from benchmarks.query_suite.asking import Asker, time_bucket_ms
from benchmarks.query_suite.figures import KINDS, Times, broken_limits, figures
from benchmarks.query_suite.pacing import Pace, sending
from benchmarks.query_suite.past import HOUR_MS, SERIES_A_STATION, Past, make, settle
from deploy.children import Child
from deploy.demo.page import Page
from deploy.demo.plan import Layout, ServerPlan, server_text
from deploy.errors import SetupError
from deploy.ports import free_port, wait_until

NAME = "query"
_READY_S = 60.0
_LOAD_S = 120.0
# So often it is asked undisturbed and then with ingest: what else the machine does, and how fast
# it is, changes within a minute, and would else be taken for what ingest does.
_TURNS = 4
# At rest the server takes no more of a processor than this; the watches of a year that was not
# taken in but written take minutes before.
_REST_SHARE, _REST_S, _LONGEST_S = 0.15, 2.0, 600.0
# As docs/scale.md has it where there are 8 GB of memory or more; else an answer waits for the disk
# after ingest has driven out what it reads.
_MEMORY = {"shared_buffers": "2GB"}
# Before it is asked with ingest, all gateways have sent several times: what is done once for each
# is past.
_UNDER_WAY_S = 5.0
_HOURS_LEFT = "SELECT count(*) FROM rollup_mark WHERE level = 'hour'"

_EPILOG = """\
Server time is what the server says in Server-Timing: from the request until the answer begins to go
out, written and compressed as a browser takes it. year_plot: a year of one series at a value a
minute (525,600 of them), at 2,000 points; ten_series: thirty days of ten such series, at other
instants each time; latest_10k: the newest value of 10,000 datastreams. Of each p95 is told. A
question comes every --every-ms, so that as much is asked undisturbed as with ingest; 1 asks one
after the other, which takes a core. The server that is asked is `saxaul-server run --role api`;
beside it one with --role ingest takes in hour batches at --ingest-rps, half of what bin/bench
ingest asks for, and rolls up what comes in. So docs/scale.md has it where pages are slow beside
ingest. The gateways, which are elsewhere in truth, send at a lower priority. All datastreams
have a newest value before, those of each gateway from another instant. Both ways of asking take
turns, four of each; before it is asked undisturbed the server has come to rest: what it computes
and judges after the fact is ingest too. Both servers share a folder, as services do that a manager
starts: so ingest knows of answers that are being written, and lets them pass.
under_ingest_factor: p95 then by p95 undisturbed, of the kind of question that suffers most; also
told of each kind, as KIND_factor.
time_bucket_ms: the same plot of a year, aggregated from its rows in the database (median).
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much: the past, the gateways that send meanwhile and how fast, questions of each kind.

    They have something to send for `load_s`, in all `turns`. A question comes every `every_s`.
    """

    past: Past
    gateways: int
    ingest_rps: float
    requests: int
    every_s: float
    load_s: float
    turns: int = _TURNS


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; see `benchmarks.bench.command.run` for the exit code."""
    options = _options().parse_args(arguments)
    return run(
        NAME,
        options,
        lambda: figures(_measure(options.database_url, _scale(options))),
        broken_limits,
    )


def _scale(options: argparse.Namespace) -> Scale:
    end_ms = now_ms() // HOUR_MS * HOUR_MS
    if options.quick:
        return Scale(Past(20, 10, 2, 2, end_ms), 2, 6000, 8, 0.001, 15, 1)
    past = Past(1000, 20, 365, 300, end_ms)
    every_s = options.every_ms / 1000
    return Scale(past, 200, options.ingest_rps, options.requests, every_s, _LOAD_S)


def _measure(database_url: str | None, scale: Scale) -> Times:
    with (
        tempfile.TemporaryDirectory(prefix="saxaul-query-") as name,
        serving(database_url, _MEMORY) as databases,
        databases.fresh() as url,
    ):
        folder = Path(name)
        dense = make(url, scale.past, say)[: scale.past.dense]
        shared = folder / "ingest"
        ingest = running(url, shared, "--role", "ingest")
        with ingest as rig, _answering(rig.port, url, shared) as address:
            gateways = gateway_names(scale.gateways)
            rig.announce(gateways)
            _expect_series(url, (scale.past.stations + scale.gateways) * SERIES_A_STATION)
            _come_to_rest(rig, url)
            requests = max(1, scale.requests // scale.turns)
            asker = Asker(address, scale.past, dense, requests, scale.every_s)
            asker.require_right()
            asked = _take_turns(asker, rig, _loads(gateways, scale), scale)
            peer = time_bucket_ms(url, scale.past, dense, max(5, scale.requests // 5))
    return replace(asked, time_bucket=peer)


def _take_turns(asker: Asker, rig: Rig, loads: Sequence[Load], scale: Scale) -> Times:
    """Ask undisturbed, then with ingest, and again; what is slow for a while is so for both."""
    quiet: dict[str, list[float]] = {kind: [] for kind in KINDS}
    loaded: dict[str, list[float]] = {kind: [] for kind in KINDS}
    rates = []
    for turn, load in enumerate(loads):
        if turn:
            _come_to_rest(rig, rig.database_url)
        _add(quiet, asker.times_ms(turn))
        with sending(Pace(load, rig.port, scale.ingest_rps)) as sent:
            time.sleep(_UNDER_WAY_S)
            _add(loaded, asker.times_ms(turn))
        say(f"meanwhile {sent.rate:,.0f} readings/s were stored")
        rates.append(sent.rate)
    return Times(quiet, loaded, (), min(rates), scale.ingest_rps)


def _add(times_ms: Mapping[str, list[float]], more_ms: Mapping[str, Sequence[float]]) -> None:
    for kind, some in more_ms.items():
        times_ms[kind] += some


def _come_to_rest(rig: Rig, url: str) -> None:
    """Wait until the server has done what there was to do, and settle the database."""
    spent_s = [cpu_s(rig.server.pid)]
    with psycopg.connect(url, autocommit=True) as connection:

        def rests() -> bool:
            time.sleep(_REST_S)
            spent_s.append(cpu_s(rig.server.pid))
            row = connection.execute(_HOURS_LEFT).fetchone()
            return row == (0,) and spent_s[-1] - spent_s[-2] < _REST_SHARE * _REST_S

        if not wait_until(rests, _LONGEST_S):
            raise SetupError(f"the server has not come to rest within {_LONGEST_S:g} s")
    settle(url)


def _expect_series(url: str, wanted: int) -> None:
    """Wait until the server knows all that were announced."""
    with psycopg.connect(url, autocommit=True) as connection:

        def known() -> bool:
            row = connection.execute("SELECT count(*) FROM datastream").fetchone()
            return row is not None and row[0] == wanted

        if not wait_until(known, _READY_S, 0.2):
            raise SetupError(f"the server does not know the {wanted} series that were announced")


def _loads(gateways: Sequence[str], scale: Scale) -> Sequence[Load]:
    """Plan for each turn more hour batches than can be sent while it is asked, up to now."""
    readings = scale.ingest_rps * scale.load_s / scale.turns
    batches = int(readings / (len(gateways) * len(CHANNELS) * 60)) + 2
    hour_ms = 60 * MINUTE_MS
    first_ms = scale.past.end_ms - scale.turns * batches * hour_ms
    return [
        Load(f"querying{turn}", gateways, first_ms + turn * batches * hour_ms, 60, batches)
        for turn in range(scale.turns)
    ]


@contextmanager
def _answering(mqtt_port: int, url: str, shared: Path) -> Iterator[str]:
    """Start the server that is asked, with a folder in common with ingest; gives its address."""
    page, layout = Page(free_port()), Layout(shared / "asked")
    layout.folder.mkdir()
    plan = ServerPlan(page.port, mqtt_port, embedded=False)
    layout.server.write_text(server_text(plan, layout), encoding="utf-8")
    command = [program("saxaul-server"), "run", "--config", str(layout.server), "--role", "api"]
    environment = {"SAXAUL_DATABASE_URL": url, "STATE_DIRECTORY": str(shared)}
    server = Child("asked", command, layout.log("asked"), environment=environment)
    server.start()
    try:
        if not wait_until(lambda: page.is_ready() or not server.is_running, _READY_S) or (
            not server.is_running
        ):
            raise SetupError(f"the server did not start: {server.tail(5)}")
        yield f"http://127.0.0.1:{page.port}"
    finally:
        server.stop()


def _options() -> argparse.ArgumentParser:
    parser = options_of(NAME, "Measure how long readers wait for an answer.", _EPILOG)
    add = parser.add_argument
    add(
        "--requests",
        type=count,
        default=400,
        metavar="N",
        help="questions of each kind (default: %(default)s)",
    )
    add(
        "--every-ms",
        type=count,
        default=50,
        metavar="N",
        help="from one question to the next, in the mean (default: %(default)s)",
    )
    add(
        "--ingest-rps",
        type=count,
        default=125_000,
        metavar="N",
        help="readings a second that come in meanwhile (default: %(default)s)",
    )
    return with_quick(parser)


if __name__ == "__main__":
    sys.exit(main())
