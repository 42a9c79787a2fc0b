"""Weeks of readings at once: what the gateway would have stored had it been there all along.

Polled devices answer at each slot as they would on their bus. For talkers a window is not played
line by line: it is sampled `SAMPLES` times at even distances, and each sample stands for its share
of the window. Means and directions come out close, a maximum somewhat low; sums and seconds of sand
are estimates of the right size. Nobody compares history with truth.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from math import atan2, cos, degrees, hypot, radians, sin
from typing import NamedTuple, TextIO

from firmware_sim.devices.base import Line, Polled, Talker
from wire.catalogue import Field, SensorModel, Statistic

SAMPLES = 6
_FEWEST = Decimal("0.66")  # less than this part of the lines makes no statistic
_CALM = 1e-9


@dataclass(frozen=True, slots=True)
class Span:
    """Slots at whole multiples of `every_s` in [from_s, to_s), seconds since the epoch."""

    from_s: float
    to_s: float
    every_s: int

    def slots(self) -> range:
        """Give the slot instants."""
        first = -int(-self.from_s // self.every_s) * self.every_s
        return range(first, int(-(-self.to_s // 1)), self.every_s)


class Row(NamedTuple):
    """One line of the file: a value, or why there is none."""

    time_ms: int
    datastream: str
    value: Decimal | None
    reason: str = ""


class _Sample(NamedTuple):
    seconds: int
    values: Mapping[str, Decimal | None]


def write_header(file: TextIO) -> None:
    """Write the first line."""
    csv.writer(file).writerow(("time_ms", "datastream", "value", "reason"))


def write_slot(file: TextIO, lines: Sequence[Line], slot_s: int, every_s: int) -> int:
    """Write the rows of one slot; tells how many."""
    rows = [row for line in lines for row in slot_rows(line, slot_s, every_s)]
    csv.writer(file).writerows(
        (row.time_ms, row.datastream, "" if row.value is None else f"{row.value:f}", row.reason)
        for row in rows
    )
    return len(rows)


def slot_rows(line: Line, slot_s: int, every_s: int) -> Iterator[Row]:
    """Give what a gateway would store for one slot of what is on a line."""
    for polled in line.polled:
        yield from _polled_rows(polled, slot_s)
    for talker in line.talkers:
        yield from _talker_rows(talker, slot_s, every_s)


def _polled_rows(device: Polled, slot_s: int) -> Iterator[Row]:
    answer, name = device.observe(float(slot_s)), device.setup.name
    for key, value in answer.values.items():
        yield Row(slot_s * 1000, f"{name}/{key}", value)
    for key, reason in answer.reasons.items():
        yield Row(slot_s * 1000, f"{name}/{key}", None, reason)


def _talker_rows(device: Talker, slot_s: int, every_s: int) -> Iterator[Row]:
    model, name = device.setup.model, device.setup.name
    step = max(1, every_s // SAMPLES)
    samples = [
        _Sample(min(step, every_s - start), device.values(slot_s - every_s + start))
        for start in range(0, every_s, step)
    ]
    for field in model.field:
        value, reason = _statistic(model, field, samples)
        yield Row(slot_s * 1000, f"{name}/{field.property}", value, reason)


def _statistic(
    model: SensorModel, field: Field, samples: Sequence[_Sample]
) -> tuple[Decimal | None, str]:
    known = [
        (one.seconds, value)
        for one in samples
        if (value := one.values.get(field.key or "")) is not None
    ]
    seconds, expected = sum(weight for weight, _ in known), sum(one.seconds for one in samples)
    if seconds < expected * _FEWEST:
        return None, f"too few samples ({seconds} of {expected})"
    if field.statistic is Statistic.VECTOR_MEAN:
        return _direction(model, field, samples)
    return _combine(field, known), ""


def _combine(field: Field, known: Sequence[tuple[int, Decimal]]) -> Decimal:
    """Combine (seconds, value) pairs as the catalogue says; of a running total, what was added."""
    if field.cumulative:
        return known[-1][1] - known[0][1]
    match field.statistic:
        case Statistic.SUM:
            return sum((seconds * value for seconds, value in known), Decimal(0))
        case Statistic.MAX | Statistic.GUST:
            return max(value for _, value in known)
        case Statistic.NONZERO_SECONDS:
            return Decimal(sum(seconds for seconds, value in known if value > 0))
        case Statistic.MEAN:
            total = sum((seconds * value for seconds, value in known), Decimal(0))
            return _rounded(total / sum(seconds for seconds, _ in known), field)
        case _:
            return known[-1][1]


def _direction(
    model: SensorModel, field: Field, samples: Sequence[_Sample]
) -> tuple[Decimal | None, str]:
    """Average a direction as the vectors of the wind."""
    wind = model.field_for("wind_speed")
    east = north = 0.0
    for one in samples:
        angle, speed = one.values.get(field.key or ""), one.values.get((wind and wind.key) or "")
        if angle is not None and speed is not None:
            east += one.seconds * float(speed) * sin(radians(float(angle)))
            north += one.seconds * float(speed) * cos(radians(float(angle)))
    if hypot(east, north) < _CALM:
        return None, "calm"
    return _rounded(Decimal(degrees(atan2(east, north)) % 360.0), field) % 360, ""


def _rounded(value: Decimal, field: Field) -> Decimal:
    steps = (value / field.resolution).quantize(Decimal(1), ROUND_HALF_EVEN)
    return steps * field.resolution
