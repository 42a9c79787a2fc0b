"""Weeks of past readings, made by the simulator and sent through the real pipeline."""

import time
from datetime import UTC, datetime

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.children import Child
from deploy.demo import outboxes
from deploy.demo.runner import Run, program
from deploy.demo.sites import Station
from deploy.errors import SetupError

EVERY_S = 600
_ARRIVAL_TIMEOUT_S = 1800.0
_DAY_S = 86_400


def make(run: Run) -> int:
    """Let the simulator write past values, and put them into the gateways' outboxes, once.

    Gives how many readings wait there.
    """
    days = run.options.days
    if not days or all(run.layout.history(station).exists() for station in run.stations):
        return 0
    end_s = int(time.time()) // EVERY_S * EVERY_S
    with run.console.status(f"making {days} days of history"):
        run.stack.run(*(_written(run, station, end_s) for station in run.stations))
        run.write_gateways()
        run.stack.run(*(_backfilled(run, station) for station in run.stations))
    return outboxes.total_unsent(run.outboxes)


def show_arrival(run: Run, total: int) -> None:
    """Draw how `total` readings that waited in the outboxes arrive at the server."""
    if not total:
        return
    columns = (
        TextColumn("history        "),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("readings stored"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=run.console) as bar:
        task = bar.add_task("history", total=total)

        def arrived() -> bool:
            left = outboxes.total_unsent(run.outboxes)
            bar.update(task, completed=max(0, total - left))
            # What the sensors say meanwhile is always on its way.
            return left <= total // 1000 + 200

        if not run.stack.wait(arrived, _ARRIVAL_TIMEOUT_S):
            raise SetupError(f"the history did not arrive: see {run.layout.log('server')}")
        bar.update(task, completed=total)


def _written(run: Run, station: Station, end_s: int) -> Child:
    begin_s = end_s - run.options.days * _DAY_S
    command = [
        *(program("saxaul-sim"), "history", str(run.layout.scenario)),
        *("--from", _iso(begin_s), "--to", _iso(end_s), "--every", str(EVERY_S)),
        *("--out", str(run.layout.history(station))),
    ]
    for bus in station.buses:
        command += ["--bus", bus.name]
    name = f"history-{station.gateway}"
    return Child(name, command, run.layout.log(name))


def _backfilled(run: Run, station: Station) -> Child:
    config, file = run.layout.gateway(station), run.layout.history(station)
    command = [program("saxaul-gateway"), "backfill", "--config", str(config), str(file)]
    name = f"backfill-{station.gateway}"
    return Child(name, command, run.layout.log(name))


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
