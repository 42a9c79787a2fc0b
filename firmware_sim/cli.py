"""saxaul-sim: play devices on serial ports, or write weeks of their readings to a file."""

import argparse
import logging
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from firmware_sim.devices import playable
from firmware_sim.devices.base import Line
from firmware_sim.history import Span, write_header, write_slot
from firmware_sim.host import Host
from firmware_sim.scenario import Simulation, build, instant_s, load
from firmware_sim.truth import TruthRecorder
from wire.errors import ConfigError

OK, BUG, MENDABLE = 0, 1, 2
INTERRUPTED = 130  # as shells count it: what was asked for is not done
SIM_CRASHED = "sim_crashed"

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives 0, 2 for what a person can mend, 130 after Ctrl-C, 1 for a bug."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except ConfigError as error:
        print(f"saxaul-sim: {error}", file=sys.stderr)
        return MENDABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:  # the top of a command
        log.exception(SIM_CRASHED)
        return BUG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="saxaul-sim", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="play a scenario until interrupted")
    run.add_argument("scenario", type=Path)
    run.set_defaults(command=_run)
    history = commands.add_parser("history", help="write past readings of a scenario as CSV")
    history.add_argument("scenario", type=Path)
    history.add_argument("--from", dest="from_", required=True, metavar="ISO", help="first instant")
    history.add_argument("--to", required=True, metavar="ISO", help="end, not included")
    history.add_argument("--every", type=int, default=600, metavar="SECONDS")
    history.add_argument("--out", type=Path, required=True, metavar="FILE")
    history.add_argument("--bus", action="append", metavar="ID", help="only this bus; repeatable")
    history.set_defaults(command=_history)
    devices = commands.add_parser("devices", help="list the models that can be played")
    devices.set_defaults(command=_devices)
    return parser


def _run(options: argparse.Namespace) -> int:
    clock = steady_clock()
    simulation = build(load(options.scenario), options.scenario, began_s=clock())
    with TruthRecorder(simulation.truth) as truth:
        ended: SimpleQueue[int] = SimpleQueue()  # its put may be called in a signal handler
        host = Host(simulation.ports, clock, truth.write, lambda: ended.put(BUG))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.put(OK))
        for bus_id, port in host.start().items():
            print(bus_id, port, flush=True)
        print("ready", flush=True)
        outcome = ended.get()
        host.stop()
    return outcome


def steady_clock() -> Callable[[], float]:
    """Give the wall clock as it was at the start, carried on without its later steps."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


def _history(options: argparse.Namespace) -> int:
    simulation = build(load(options.scenario), options.scenario)
    lines = _chosen(simulation, options.bus, str(options.scenario))
    if options.every < 1:
        raise ConfigError("--every", f"{options.every} must be at least 1 second")
    span = Span(instant_s(options.from_, "--from"), instant_s(options.to, "--to"), options.every)
    if not span.slots():
        raise ConfigError("--to", f"'{options.to}' leaves no slot after '{options.from_}'")
    try:
        rows = _write(options.out, lines, span)
    except OSError as error:
        raise ConfigError(str(options.out), f"cannot be written: {error.strerror}") from None
    print(f"{rows} rows in {options.out}")
    return OK


def _chosen(simulation: Simulation, wanted: Sequence[str] | None, source: str) -> list[Line]:
    for bus_id in wanted or ():
        if bus_id not in simulation.lines:
            known = ", ".join(f"'{name}'" for name in simulation.lines)
            raise ConfigError(source, f"has no bus '{bus_id}'; there are {known}")
    return [line for bus_id, line in simulation.lines.items() if not wanted or bus_id in wanted]


def _write(out: Path, lines: Sequence[Line], span: Span) -> int:
    """Write all slots beside the file and move it into place, so that it is whole or absent."""
    part = out.with_name(f"{out.name}.part")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    progress = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
    rows = 0
    with part.open("w", encoding="utf-8", newline="") as file, progress:
        write_header(file)
        for slot_s in progress.track(span.slots(), description="history"):
            rows += write_slot(file, lines, slot_s, span.every_s)
    part.replace(out)
    return rows


def _devices(options: argparse.Namespace) -> int:
    del options
    for model in playable().values():
        print(f"{model.model:40} {model.protocol}")
    return OK
