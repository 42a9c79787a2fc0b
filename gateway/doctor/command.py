"""The command: every check a line, as it is found; 1 when one failed."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from gateway.app import PASSWORD_VARIABLE
from gateway.clock import kernel_synchronised
from gateway.config import Config, Fault, read
from gateway.doctor.broker import check_broker, check_ca_file
from gateway.doctor.clock import check_clock
from gateway.doctor.finding import Finding, Verdict, failed, fine
from gateway.doctor.host import check_host
from gateway.doctor.machine import Machine
from gateway.doctor.page import check_page
from gateway.doctor.ports import check_ports
from gateway.doctor.receipts import check_receipts

EXIT_WELL, EXIT_FAILED = 0, 1
_MARKS = {
    Verdict.FINE: ("✔", "green"),
    Verdict.LOOK: ("!", "yellow"),
    Verdict.FAILED: ("✘", "bold red"),
}


def run(args: argparse.Namespace) -> int:
    """Check all, and say so; 1 when anything failed."""
    config, faults = read(args.config)
    findings = examine(config, faults, str(args.config), Machine())
    seen = _tell_json(findings) if args.json else _tell(findings, Console(highlight=False))
    return EXIT_FAILED if Verdict.FAILED in seen else EXIT_WELL


def examine(
    config: Config, faults: Sequence[Fault], source: str, machine: Machine
) -> Iterator[Finding]:
    """Look at all that the gateway stands on, the nearest first; `faults` are those of `config`."""
    now_s = time.time()
    yield from check_settings(faults, source)
    yield from check_ports(config.bus, machine)
    yield from check_host(Path(config.gateway.data_dir), machine)
    yield from check_clock(
        config.clock, int(now_s * 1000), synchronised=kernel_synchronised(), machine=machine
    )
    if ca_missing := list(check_ca_file(config.uplink)):
        yield from ca_missing
    else:
        password = os.environ.get(PASSWORD_VARIABLE)
        yield from check_broker(config.uplink, config.gateway.id, password, now_s)
    yield from check_receipts(config, int(now_s * 1000))
    yield from check_page(config)


def check_settings(faults: Sequence[Fault], source: str) -> Iterator[Finding]:
    """Tell what in gateway.toml cannot be used."""
    for one in faults:
        place = f"line {one.line} of {source}" if one.line else source
        about = f"settings of {one.about}" if one.about else "settings"
        yield failed(about, one.message, f"correct {place}, then start the gateway again")
    if not faults:
        yield fine("settings", f"{source} can be used")


def _tell(findings: Iterable[Finding], console: Console) -> list[Verdict]:
    seen = []
    for one in findings:
        mark, style = _MARKS[one.verdict]
        console.print(Text(f"{mark} {one.about}: ", style=style) + Text(one.said), soft_wrap=True)
        if one.remedy:
            console.print(Text(f"    → {one.remedy}"), soft_wrap=True)
        seen.append(one.verdict)
    counts = {verdict: seen.count(verdict) for verdict in Verdict}
    style = "bold red" if counts[Verdict.FAILED] else "bold green"
    console.print(
        Text(
            f"{counts[Verdict.FINE]} fine, {counts[Verdict.LOOK]} to look at, "
            f"{counts[Verdict.FAILED]} failed",
            style=style,
        )
    )
    return seen


def _tell_json(findings: Iterable[Finding]) -> list[Verdict]:
    seen = list(findings)
    sys.stdout.write(json.dumps([asdict(one) for one in seen], ensure_ascii=False) + "\n")
    return [one.verdict for one in seen]
