"""An outbox that gets more than its budget holds, before its gateway is ever connected."""

import csv
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

from deploy.demo.sites import Station
from deploy.errors import SetupError
from wire.catalogue import Protocol, bundled

# Values without any pattern take some 7 bytes each: 1.1 MB, of which a budget of 1 MB keeps a part.
_ROWS = 150_000
_FIRST_MS = 1_700_000_000_000  # 2023-11-14
_STEP_MS = 60_000
_DECIMALS = 9
_LARGEST = 10**15  # what a double keeps exactly
_TIMEOUT_S = 120
_HEADER = ("time_ms", "datastream", "value", "reason")


def history_of(folder: Path) -> Path:
    """Tell where a run keeps what was brought in from a file."""
    return folder / "overfill.csv"


def overfill(program: str, config: Path, station: Station, history: Path) -> None:
    """Bring past values into a gateway's outbox, whose budget is too small for them."""
    name = _datastream(station)
    with history.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        writer.writerows((row[0], name, row[1], "") for row in _values())
    command = [program, "backfill", "--config", str(config), str(history)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    if done.returncode:
        raise SetupError(f"the outbox cannot be filled: {done.stderr.strip()[-500:]}")


def _values() -> Iterator[tuple[int, str]]:
    rng = Random(_ROWS)
    for index in range(_ROWS):
        yield _FIRST_MS + index * _STEP_MS, str(Decimal(rng.randrange(_LARGEST)).scaleb(-_DECIMALS))


def _datastream(station: Station) -> str:
    """Name a series of a sensor that talks: what it says is not asked of the simulator's truth."""
    for bus in station.buses:
        for device in bus.devices:
            model = bundled()[device.model]
            if model.protocol in (Protocol.LINE, Protocol.NMEA0183):
                return f"{station.thing}/{device.id}/{model.field[0].property}"
    raise SetupError(f"{station.gateway} has no sensor that talks")
