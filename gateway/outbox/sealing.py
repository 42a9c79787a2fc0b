"""Sealing: which pending rows may go, with what times, as one batch. Pure.

A batch has one clock value, so rows go apart by the boot they were taken in and by how their clock
was known. Source of the rules: the wire contract, "Clock".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from gateway.clock import STEP_MS
from wire.batch import MAX_COMPRESSED_BYTES, Sample, encode
from wire.messages import ClockSource
from wire.quality import Flag

_FOREVER_MS = 2**63 - 1


class Row(NamedTuple):
    """One pending observation, as the table holds it."""

    id: int
    mono_ms: int
    wall_ms: int
    datastream: str
    value: str | None
    flag: int
    reason: str


@dataclass(frozen=True, slots=True)
class ClockState:
    """The clock at the moment of sealing; `offset_ms` is wall minus monotonic."""

    boot_id: str
    source: ClockSource
    offset_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class Release:
    """Rows of one kind that may go: under which clock, taken up to when, converted by what."""

    clock: ClockSource
    offset_ms: int | None = None
    until_mono_ms: int = _FOREVER_MS


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch ready to be kept. Times in ms since the Unix epoch."""

    payload: bytes
    clock: ClockSource
    count: int
    last_id: int
    first_ms: int
    last_ms: int


def release(boot: str, recorded: ClockSource, now: ClockState, hold_ms: int) -> Release:
    """Decide about rows of one boot whose clock was known as `recorded` when they were taken."""
    own = boot == now.boot_id
    if own and now.source is not ClockSource.UNKNOWN:
        return Release(now.source, now.offset_ms)
    if recorded is not ClockSource.UNKNOWN:
        return Release(recorded)
    if own:
        return Release(ClockSource.UNKNOWN, now.offset_ms, now.mono_ms - hold_ms)
    # Nothing that happens now can tell us more about the clock of an earlier boot.
    return Release(ClockSource.UNKNOWN)


def seal(rows: Sequence[Row], how: Release) -> Sealed:
    """Make a batch of the first rows: of all, or of as many halvings of them as fit."""
    while True:
        samples = _samples(rows, how.offset_ms)
        payload = encode(how.clock, samples)
        if len(payload) <= MAX_COMPRESSED_BYTES:
            break
        rows = rows[: len(rows) // 2]
    times = [sample.time_ms for series in samples.values() for sample in series]
    return Sealed(payload, how.clock, len(rows), rows[-1].id, min(times), max(times))


def _samples(rows: Sequence[Row], offset_ms: int | None) -> dict[str, list[Sample]]:
    out: dict[str, list[Sample]] = {}
    for row in rows:
        value = None if row.value is None else Decimal(row.value)
        sample = Sample(_instant(row, offset_ms), value, Flag(row.flag), row.reason)
        out.setdefault(row.datastream, []).append(sample)
    return out


def _instant(row: Row, offset_ms: int | None) -> int:
    """Convert a row's time; what was recorded stands unless the clock was stepped since."""
    if offset_ms is None:
        return row.wall_ms
    converted = row.mono_ms + offset_ms
    return row.wall_ms if abs(converted - row.wall_ms) <= STEP_MS else converted
