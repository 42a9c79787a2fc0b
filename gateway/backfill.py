"""Backfill: a CSV of past values goes into the outbox and takes the same way as fresh readings.

The file has the header `time_ms,datastream,value,reason`: milliseconds since the Unix epoch, a
datastream of this gateway, a decimal, or nothing and then a reason. Running it twice does no harm:
the server keeps each (datastream, time) once.
"""

import csv
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TextIO

from gateway.config import Config, datastream_name
from gateway.outbox import Outbox
from gateway.outbox.sealing import SEAL_LIMIT
from wire.batch import MAX_TIME_MS, Sample, representable
from wire.errors import ConfigError
from wire.quality import Flag

HEADER = ["time_ms", "datastream", "value", "reason"]
# One transaction takes this many, a batch six of them.
CHUNK = 5_000
MAX_VALUE_CHARS = 40

Progress = Callable[[int], None]


def backfill(config: Config, path: Path, outbox: Outbox, progress: Progress) -> int:
    """Append a CSV file and seal it; return how many observations it held.

    `progress` is told the bytes read so far. Raises ConfigError naming the line that is wrong,
    before anything of its chunk is kept, and StoreError.
    """
    known = {
        datastream_name(sensor, field.property)
        for _, sensor, model in config.sensors()
        for field in model.field
    }
    total = 0
    try:
        with path.open("rb") as file:
            text = TextIOWrapper(file, encoding="utf-8", newline="")
            rows = read_rows(text, known, str(path))
            while chunk := list(islice(rows, CHUNK)):
                outbox.append_stamped(chunk)
                total += len(chunk)
                if total % SEAL_LIMIT == 0:
                    _seal_all(outbox)
                progress(file.tell())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read: {error}") from None
    _seal_all(outbox)
    return total


def _seal_all(outbox: Outbox) -> None:
    while outbox.seal():
        pass


def read_rows(file: TextIO, known: set[str], source: str) -> Iterator[tuple[str, Sample]]:
    """Read the CSV row by row; raises ConfigError naming `source` and line."""
    reader = csv.reader(file)
    try:
        header = next(reader, [])
        if header != HEADER:
            raise ConfigError(source, f"the first line must be '{','.join(HEADER)}'", 1)
        for row in reader:
            yield _read_row(row, known, source, reader.line_num)
    except csv.Error as error:
        raise ConfigError(source, f"not valid CSV: {error}", reader.line_num) from None


def _read_row(row: list[str], known: set[str], source: str, line: int) -> tuple[str, Sample]:
    if len(row) != len(HEADER):
        raise ConfigError(source, f"{len(row)} columns, expected {len(HEADER)}", line)
    time_text, name, value_text, reason = row
    if name not in known:
        raise ConfigError(
            source,
            f"datastream '{name}' is none of this gateway's: correct the file, or add its sensor "
            "to gateway.toml",
            line,
        )
    digits = time_text.isdecimal() and len(time_text) <= len(str(MAX_TIME_MS))
    if not digits or int(time_text) > MAX_TIME_MS:
        told = time_text[:MAX_VALUE_CHARS]
        raise ConfigError(source, f"time_ms '{told}' is no time in ms since 1970", line)
    return name, Sample(int(time_text), *_value(value_text, reason, source, line))


def _value(text: str, reason: str, source: str, line: int) -> tuple[Decimal | None, Flag, str]:
    if text == "":
        if not reason:
            raise ConfigError(source, "a missing value needs its reason", line)
        return None, Flag.MISSING, reason
    try:
        value = Decimal(text if len(text) <= MAX_VALUE_CHARS else "NaN")
    except InvalidOperation:
        value = Decimal("NaN")
    if not representable(value):
        raise ConfigError(
            source, f"value '{text[:40]}' is no decimal number a batch can carry", line
        )
    return value, Flag.PASS, ""
