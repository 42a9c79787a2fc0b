"""The demo's command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DEFAULT_FOLDER = Path("demo-data")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    full: bool
    keep: bool
    folder: Path
    days: int
    http_port: int
    replay: Path | None
    station: str
    check: bool
    seconds: float


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; exits with a usage message for what makes no sense."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.check and given.keep:
        parser.error("--check compares one run with what was sent in it: leave out --keep")
    if given.station and not given.replay:
        parser.error("--station names a station in the file of --replay")
    return Options(
        full=given.full,
        keep=given.keep,
        folder=given.data.absolute(),
        days=0 if given.replay else given.days,
        http_port=given.http_port,
        replay=given.replay,
        station=given.station,
        check=given.check,
        seconds=given.seconds,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bin/demo",
        description="Runs simulated stations, gateways, broker, server and live page on this"
        " machine. Ctrl-C stops all of it.",
    )
    add = parser.add_argument
    add(
        "--full",
        action="store_true",
        help="production profile: Mosquitto and TimescaleDB of its own",
    )
    add("--keep", action="store_true", help="go on with the data of the last run")
    add(
        "--data",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="DIR",
        help="data folder, emptied at the start (default: %(default)s)",
    )
    add(
        "--days",
        type=_days,
        default=60,
        metavar="N",
        help="days of history to send first (default: %(default)s)",
    )
    add(
        "--http-port",
        type=_port,
        default=8000,
        metavar="PORT",
        help="port of the live page (default: %(default)s)",
    )
    add(
        "--replay",
        type=Path,
        metavar="FILE",
        help="let the simulated sensors repeat a real station's file (USCRN daily, CSV)",
    )
    add("--station", default="", metavar="NAME", help="which station of that file")
    add(
        "--check",
        action="store_true",
        help="run for a while, then compare the database with what the sensors said",
    )
    add(
        "--seconds",
        type=float,
        default=60,
        metavar="S",
        help="how long --check runs (default: %(default)s)",
    )
    return parser


def _days(text: str) -> int:
    days = int(text)
    if not 0 <= days <= 3650:
        raise argparse.ArgumentTypeError("0 to 3650 days")
    return days


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError("1 to 65535")
    return port
