"""Brings in by hand what is on an SD card: the way over a USB stick."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos_suite.faults.clocks import SettableClock
from deploy.children import Child

_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Carrier:
    """Exports on the gateway's machine, by its clock, and imports beside the running server.

    `server` is how that is run: its environment may hold the database's address.
    """

    gateway_config: Path
    clock: SettableClock | None
    server_config: Path
    server: Child

    def bring_in(self, card: Path) -> str:
        """Carry what is unsent in a data folder to the server; "" when that went well."""
        stick = card.with_name(f"{card.name}-stick")
        stick.mkdir()
        config = ("--config", str(self.gateway_config))
        places = ("--data-dir", str(card), "--to", str(stick))
        export = [_program("saxaul-gateway"), "export", *config, *places]
        clock = self.clock
        told = (
            _run(export, {})
            if clock is None
            else _run(clock.command(export), dict(clock.environment()))
        )
        if told or not any(stick.iterdir()):  # nothing was left to be carried
            return told
        config = ("--config", str(self.server_config))
        environment = dict(self.server.environment)
        return _run([_program("saxaul-server"), "import", *config, str(stick)], environment)


def _run(command: Sequence[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
        env={**os.environ, **environment},
    )
    return f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}" if done.returncode else ""


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
