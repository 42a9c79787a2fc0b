"""The command: shows what is being done and found, prints the tables, or adds them to the file."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from gateway.catalogue.models import known_models
from gateway.config import catalogue_folder
from gateway.errors import SensorError
from gateway.scan.adding import Present, add, check_thing, read
from gateway.scan.found import Finding, FoundSensor
from gateway.scan.search import Extent, Say
from gateway.scan.walk import Scanner
from wire.errors import ConfigError

EXIT_OK, EXIT_INTERRUPTED = 0, 130
_USUAL_THING = "station-1"


def run(args: argparse.Namespace) -> int:
    """Scan, show, and print or add; raises SensorError when nothing was found.

    Broken off by Ctrl-C, what was found so far is printed, and nothing is added.
    """
    console = Console(stderr=True, highlight=False)
    thing = _thing(args, console)
    models = known_models(catalogue_folder(args.config))
    with console.status("looking for serial ports") as status:
        scanner = Scanner(
            models, _say(console, status), Extent(listen_s=args.listen, modbus_ids=_ids(args.ids))
        )
        try:
            scanner.run(args.ports)
        except KeyboardInterrupt:
            status.stop()
            console.print("broken off; found so far:")
            _print(scanner, thing, console)
            return EXIT_INTERRUPTED
    if not any(one.named for one in scanner.findings):
        _print(scanner, thing, console)
        raise SensorError(_nothing(scanner))
    if args.write:
        _show(scanner, console)
        _tell_added(args.config, add(args.config, scanner.findings, thing), console)
    else:
        _print(scanner, thing, console)
    return EXIT_OK


def _ids(text: str) -> range:
    """Read a span of Modbus ids, `1-32` or `7`; raises ConfigError."""
    first, _, last = text.partition("-")
    try:
        low, high = int(first), int(last or first)
    except ValueError:
        low, high = 0, 0
    if not 1 <= low <= high <= 247:  # Modbus over serial line v1.02, 2.2
        raise ConfigError("--ids", f"'{text}' is no span of Modbus ids: give 1-247 or less")
    return range(low, high + 1)


def _thing(args: argparse.Namespace, console: Console) -> str:
    """Find out which station the sensors belong to; raises ConfigError before anything is asked."""
    if not args.write:
        return str(args.thing or _USUAL_THING)
    _, present = read(args.config)
    thing = args.thing or _chosen(args.config, present, console)
    check_thing(args.config, present, thing)
    return thing


def _chosen(path: Path, present: Present, console: Console, ask: Callable[[], str] = input) -> str:
    """Take the only station there is, or let the person choose."""
    known = [one.id for one in present.thing]
    if len(known) == 1:
        return known[0]
    if not sys.stdin.isatty() or not known:
        raise ConfigError(
            str(path),
            f"which station do the sensors belong to? say it with --thing; "
            f"there are: {', '.join(known) or 'none, add a [[thing]] table first'}",
        )
    console.print(f"stations: {escape(', '.join(known))}")
    console.print("which one do the sensors belong to? ", end="")
    return ask().strip()


def _say(console: Console, status: Status) -> Say:
    """Show what is being done: in one line that changes, or where there is no terminal in lines."""
    if console.is_terminal:
        return lambda text: status.update(escape(text))
    return lambda text: console.print(escape(text), soft_wrap=True)


def _print(scanner: Scanner, thing: str, console: Console) -> None:
    """Print the tables for gateway.toml; all else goes to the terminal beside them."""
    _show(scanner, console)
    for one in scanner.findings:
        sys.stdout.write(one.toml(thing) + "\n")
    sys.stdout.flush()


def _show(scanner: Scanner, console: Console) -> None:
    for text in [*scanner.refused, *scanner.untried]:
        console.print(f"[yellow]! {escape(text)}", soft_wrap=True)
    for finding in scanner.findings:
        console.print(f"[bold]{escape(finding.port)}[/]: {_what(finding)}", soft_wrap=True)
        for one in finding.sensors:
            console.print(f"  {_line(one)}", soft_wrap=True)


def _what(finding: Finding) -> str:
    count = len(finding.sensors)
    return f"{finding.protocol.value}, {finding.baud} baud, {count} sensor{'s' * (count != 1)}"


def _line(one: FoundSensor) -> str:
    at = f"{one.address}  " if one.address else ""
    if one.trouble:
        return f"[yellow]! {at}{escape(one.trouble)}"
    if not one.models:
        return f"[yellow]? {at}{escape(one.says)}: not in the catalogue"
    return f"[green]✔[/] {at}{escape(' or '.join(one.models))}  {escape(one.live or 'no value')}"


def _tell_added(path: Path, text: str, console: Console) -> None:
    if not text:
        console.print(f"{path}: all of these are there already; nothing added")
        return
    sys.stdout.write(text + "\n")
    console.print(
        f"added to {path}; then: saxaul-gateway config --check --config {path}, and "
        "sudo systemctl restart saxaul-gateway",
        soft_wrap=True,
    )


def _nothing(scanner: Scanner) -> str:
    if scanner.refused and not scanner.findings:
        return f"no port could be looked at: {'; '.join(scanner.refused)}"
    return (
        "no sensor found that the catalogue knows: check power and wiring, that the port is free "
        "(systemctl stop saxaul-gateway), and name it: saxaul-gateway scan /dev/ttyUSB0"
    )
