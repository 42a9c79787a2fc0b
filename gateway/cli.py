"""The command `saxaul-gateway`: reads arguments, installs signals, calls what does the work.

What only one command needs is imported there: `run` has 50 MB to live in.
"""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from gateway import logs
from gateway.catalogue.arguments import add_parser as add_catalogue
from gateway.config import Config, Fault, load, load_valid
from gateway.errors import GatewayError
from gateway.setup.arguments import add_parser as add_sensor
from wire.errors import ConfigError

if TYPE_CHECKING:
    from gateway.app import App

PROGRAM = "saxaul-gateway"
DEFAULT_CONFIG = Path("/etc/saxaul/gateway.toml")
CRASHED = "command_failed"

SENSOR_REFUSED = "sensor_refused"
BUS_REFUSED = "bus_refused"
SETTING_REFUSED = "setting_refused"
STARTING_ANEW = "outbox_damaged_starting_anew"
SETTINGS_READ_AGAIN = "settings_read_again"
# How often `run` looks whether its outbox has met damage, or a person wants it to start again.
WATCH_S = 1.0

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

EXIT_OK, EXIT_BUG, EXIT_MEND = 0, 1, 2
EXIT_INTERRUPTED = 130  # as shells count it: what was asked for is not done

_log = structlog.get_logger(__name__)


class _Command(Protocol):
    def __call__(self, args: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, 2 for what a person can mend, 130 after Ctrl-C, 1 for a bug."""
    args = _parser().parse_args(argv)
    logs.configure(args.log_level)
    command: _Command = args.command
    try:
        return command(args)
    except (ConfigError, GatewayError) as error:
        for line in str(error).splitlines():
            print(f"{PROGRAM}: {line}", file=sys.stderr)
        return EXIT_MEND
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nothing is left to say
        return EXIT_OK
    except Exception:  # noqa: BLE001 - top of the command
        _log.exception(CRASHED)
        return EXIT_BUG


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="PATH", help="default: %(default)s"
    )
    shared.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info"
    )
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Reads field sensors over serial lines and carries readings away."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", parents=[shared], help="read sensors until told to stop")
    run.add_argument(
        "--absent-ports",
        choices=("exit", "retry"),
        default="exit",
        help="what to do when a configured serial port is not there at start (default: exit); "
        "one that vanishes later is always waited for",
    )
    run.set_defaults(command=_run)

    _add_scan(commands, shared)

    outbox = commands.add_parser(
        "outbox", parents=[shared], help="show what is kept for the server; changes nothing"
    )
    outbox.add_argument("--newest", type=int, default=10, metavar="N", help="batches to list")
    outbox.set_defaults(command=_outbox)

    backfill = commands.add_parser(
        "backfill",
        parents=[shared],
        help="append a CSV of past values (time_ms,datastream,value,reason)",
        description="Append a CSV of past values, header time_ms,datastream,value,reason, to the "
        "outbox; `run` then sends it. Not while `run` is active. It does not resume: run it again "
        "after an interruption; the server keeps each reading once.",
    )
    backfill.add_argument("file", type=Path, metavar="FILE.csv")
    backfill.set_defaults(command=_backfill)

    _add_export(commands)
    add_sensor(commands)
    add_catalogue(commands, shared)
    _add_doctor(commands, shared)

    config = commands.add_parser(
        "config", parents=[shared], help="print a commented gateway.toml, or check one"
    )
    config.add_argument("--check", action="store_true", help="check the file named by --config")
    config.set_defaults(command=_config)
    return parser


def _add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    export = commands.add_parser(
        "export",
        help="write what waits for the server to a stick, to be carried by hand",
        description="Write batches to files that `saxaul-server import` reads: unless told "
        "otherwise, those that the server has not confirmed. Also while `run` is active. Nothing "
        "is taken away: the gateway goes on sending until the server confirms.",
    )
    export.add_argument(
        "--to", type=Path, required=True, metavar="DIR", help="folder of the stick; must be there"
    )
    which = export.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="all that is kept, confirmed or not")
    which.add_argument(
        "--since", metavar="TIME", help="all with readings since then (2026-11-20, UTC), or later"
    )
    export.add_argument(
        "--config",
        type=Path,
        metavar="PATH",
        help=f"default: {DEFAULT_CONFIG}, or none with --data-dir or --file",
    )
    export.add_argument(
        "--data-dir", type=Path, metavar="PATH", help="another card's data folder, as mounted here"
    )
    export.add_argument(
        "--file", type=Path, metavar="PATH", help="an outbox that was set aside as damaged"
    )
    export.add_argument("--gateway", metavar="ID", help="whose it is, where the outbox cannot say")
    export.set_defaults(command=_export, log_level="warning")


def _add_doctor(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", shared: argparse.ArgumentParser
) -> None:
    doctor = commands.add_parser(
        "doctor",
        parents=[shared],
        help="look at ports, clock, disk, power, broker and receipts; say what to do",
        description="Look at all that the gateway stands on: a line each, and a remedy where one "
        "is needed. Changes nothing, also beside a running gateway. Exit code 1 when a check "
        "failed.",
    )
    doctor.add_argument("--json", action="store_true", help="print the findings for a program")
    doctor.set_defaults(command=_doctor)


def _add_scan(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", shared: argparse.ArgumentParser
) -> None:
    scan = commands.add_parser(
        "scan",
        parents=[shared],
        help="look for sensors on serial ports",
        description="Listen on serial ports, then ask for SDI-12 and Modbus sensors and for "
        "instruments that answer in lines; print [[bus]] tables to paste into gateway.toml, or add "
        "them. Nothing is written to a sensor. The gateway must not be running on these ports.",
    )
    scan.add_argument("ports", nargs="*", metavar="PORT", help="default: all that there are")
    scan.add_argument(
        "--write", action="store_true", help="add what is found to the file named by --config"
    )
    scan.add_argument("--thing", metavar="ID", help="the station that the sensors belong to")
    scan.add_argument(
        "--ids", metavar="SPAN", default="1-10", help="Modbus ids to ask (default: %(default)s)"
    )
    scan.add_argument(
        "--listen",
        type=float,
        default=2.5,
        metavar="SECONDS",
        help="how long to listen before asking (default: %(default)s); more for what speaks rarely",
    )
    scan.set_defaults(command=_scan)


def _run(args: argparse.Namespace) -> int:
    from gateway.app import STOPPED  # noqa: PLC0415 - see the module's docstring

    config, faults = load_valid(args.config)
    _tell_refused(faults, args.config)
    # Blocked before the first thread starts, so that only the one that waits for them takes them.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        app = _build(config, faults, args)
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    stop = _stop_signal()
    while not _serve(app, stop):
        app.await_end(stop)
        if stop.is_set():
            break
        if app.restart_wanted.is_set():
            config, faults = load_valid(args.config)
            _log.info(SETTINGS_READ_AGAIN, file=str(args.config))
            _tell_refused(faults, args.config)
        else:
            _log.error(STARTING_ANEW)  # opening the outbox again salvages it
        app = _build(config, faults, args)
    _log.info(STOPPED)
    return EXIT_OK


def _tell_refused(faults: Sequence[Fault], path: Path) -> None:
    """Say once what is not read, and why: to the journal, and to who started this by hand."""
    for one in faults:
        event = BUS_REFUSED if one.sensor is None else SENSOR_REFUSED
        event = SETTING_REFUSED if one.bus is None else event
        _log.error(event, what=one.about, file=one.source, line=one.line, reason=one.message)
    if faults:
        refused = "; ".join(dict.fromkeys(one.about for one in faults))
        print(
            f"{PROGRAM}: starts without {refused}: mend {path} and start again "
            f"('{PROGRAM} config --check' tells when all is well)",
            file=sys.stderr,
        )


def _build(config: Config, faults: Sequence[Fault], args: argparse.Namespace) -> "App":
    from gateway.app import build  # noqa: PLC0415 - see the module's docstring

    return build(config, str(args.config), args.absent_ports, faults)


def _serve(app: "App", stop: threading.Event) -> bool:
    """Run until told to stop, which gives True; False when it is to be built again: see `_wait`."""
    try:
        app.start()
        return _wait(app, stop)
    finally:
        app.stop()


def _stop_signal() -> threading.Event:
    """Give an event that a stop signal sets; a thread of its own waits for the signal.

    Not `sigtimedwait`: after the process was stopped and goes on (SIGCONT), CPython 3.11 may take
    the end of its time for a signal, and the gateway would end by itself.
    """
    requested = threading.Event()

    def listen() -> None:
        signal.sigwait(STOP_SIGNALS)
        requested.set()

    threading.Thread(target=listen, name="signals", daemon=True).start()
    return requested


def _wait(app: "App", stop: threading.Event) -> bool:
    while not stop.wait(WATCH_S):
        if app.outbox.is_damaged or app.restart_wanted.is_set():
            return False
    return True


def _outbox(args: argparse.Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415 - see the module's docstring

    from gateway.outbox import report  # noqa: PLC0415

    config = load(args.config)
    found = report.read(Path(config.gateway.data_dir), args.newest)
    console = Console(width=None if sys.stdout.isatty() else 140)
    report.show(found, console)
    return EXIT_OK


def _backfill(args: argparse.Namespace) -> int:
    from rich.progress import Progress  # noqa: PLC0415 - see the module's docstring

    from gateway.app import outbox_budget  # noqa: PLC0415
    from gateway.backfill import backfill  # noqa: PLC0415
    from gateway.clock import Clock  # noqa: PLC0415
    from gateway.outbox import DataDirLock, Outbox  # noqa: PLC0415

    config = load(args.config)
    data_dir, clock = Path(config.gateway.data_dir), Clock(config.clock.trust)
    budget = outbox_budget(config.outbox)
    with (
        DataDirLock(data_dir),
        Outbox(data_dir, clock, config.clock.hold_s, budget=budget) as outbox,
    ):
        size = args.file.stat().st_size if args.file.is_file() else None
        with Progress() as bar:
            task = bar.add_task(config.gateway.id, total=size)
            count = backfill(config, args.file, outbox, lambda at: bar.update(task, completed=at))
    print(f"{count} observations of {args.file} are in the outbox of {config.gateway.id}")
    return EXIT_OK


def _export(args: argparse.Namespace) -> int:
    from gateway.carry import command  # noqa: PLC0415 - see the module's docstring

    print(*command.run(args, DEFAULT_CONFIG), sep="\n")
    return EXIT_OK


def _doctor(args: argparse.Namespace) -> int:
    from gateway.doctor.command import run  # noqa: PLC0415 - see the module's docstring

    return run(args)


def _config(args: argparse.Namespace) -> int:
    from gateway.config_text import example  # noqa: PLC0415 - see the module's docstring

    if args.check:
        print(f"{args.config}: {_summary(load(args.config))}")
    else:
        print(example(), end="")
    return EXIT_OK


def _summary(config: Config) -> str:
    sensors = list(config.sensors())
    series = sum(len(model.field) for _, _, model in sensors)
    return f"ok (buses: {len(config.bus)}, sensors: {len(sensors)}, datastreams: {series})"


def _scan(args: argparse.Namespace) -> int:
    from gateway.scan.command import run  # noqa: PLC0415 - see the module's docstring

    return run(args)
