"""Is every reading that an outbox kept in the database once, with the right value and time? Pure.

What an outbox keeps is the promise: a reading exists once it is there. Whether it is what the
sensor said is asked of the simulator's truth, for sensors that are polled.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from benchmarks.chaos_suite.evidence import Database, Kept
from deploy.demo.check import Verdict
from deploy.demo.check.facts import Answer, Sensor

# Forged batches carry instants before 2001-09-09, so that they can be told from readings.
FORGED_BEFORE_MS = 1_000_000_000_000
# A poll begins at its slot; its answer may be held up by as much as something is stalled.
_EARLY_MS, _LATE_MS = 20, 15_000


def compare(
    outboxes: Mapping[str, Sequence[Kept]],
    database: Database,
    sensors: Iterable[Sensor],
    answers: Iterable[Answer],
    steps_ms: Mapping[str, Sequence[int]] | None = None,
) -> Verdict:
    """Account for every reading in the gateways' outboxes, and for all the database has of them.

    `steps_ms`: by how much the wall clock was wrong at times, for gateways told to believe it.
    """
    verdict = Verdict()
    told = _said(sensors, answers)
    for gateway, kept in outboxes.items():
        said = replace(told, steps_ms=(0, *(steps_ms or {}).get(gateway, ())))
        readings = _by_identity(kept)
        for name, by_time in readings.items():
            series = database.stored.get((gateway, name), {})
            for found in by_time.values():
                _compare_one(found, series, said, verdict)
        _find_invented(gateway, readings, database, verdict)
    verdict.count_duplicated(list(database.stored_twice))
    return verdict


_Readings = Mapping[str, Mapping[int, Sequence[Kept]]]


def _by_identity(kept: Iterable[Kept]) -> _Readings:
    out: dict[str, dict[int, list[Kept]]] = defaultdict(lambda: defaultdict(list))
    for one in kept:
        out[one.datastream][one.time_ms].append(one)
    return out


def _compare_one(
    found: Sequence[Kept], series: Mapping[int, float | None], said: "_Said", verdict: Verdict
) -> None:
    """Count one reading; several under one identity are one too many, whatever they say."""
    name, time_ms = found[0].datastream, found[0].time_ms
    if len(found) > 1:
        verdict.count_repeated(name, time_ms, len(found))
    told = " or ".join(f"{_tell(one.value)} ({one.where})" for one in found)
    untrue = [one for one in found if not said.explains(one)]
    if time_ms not in series:
        verdict.count_lost(name, time_ms, told)
    elif untrue:
        verdict.count_wrong(name, time_ms, "what the sensor said", told)
    elif any(_equal(one.value, series[time_ms]) for one in found):
        verdict.count_stored()
    else:
        verdict.count_wrong(name, time_ms, told, series[time_ms])


def _find_invented(gateway: str, readings: _Readings, database: Database, verdict: Verdict) -> None:
    for (owner, name), series in database.stored.items():
        if owner == gateway:
            kept: Collection[int] = readings.get(name, {}).keys()
            for time_ms in series.keys() - kept:
                if time_ms >= FORGED_BEFORE_MS:
                    verdict.count_invented(name, time_ms, series[time_ms])


@dataclass(frozen=True, slots=True)
class _Said:
    """What polled sensors said, and when; `steps_ms` are the errors of the clock in the end."""

    polled: Collection[str]
    answers: Mapping[tuple[str, Decimal], Sequence[int]]
    steps_ms: Sequence[int] = (0,)

    def explains(self, one: Kept) -> bool:
        """Tell whether a value is one that its sensor gave when asked at that time."""
        sensor = one.datastream.rpartition("/")[0]
        if one.value is None or sensor not in self.polled:
            return True
        return any(
            one.time_ms - _EARLY_MS <= at_ms + step_ms <= one.time_ms + _LATE_MS
            for at_ms in self.answers.get((one.datastream, one.value), ())
            for step_ms in self.steps_ms
        )


def _said(sensors: Iterable[Sensor], answers: Iterable[Answer]) -> _Said:
    found: dict[tuple[str, Decimal], list[int]] = defaultdict(list)
    for answer in answers:
        for key, value in answer.values.items():
            found[f"{answer.device}/{key}", value].append(answer.at_ms)
    return _Said({one.name for one in sensors if not one.is_talker}, found)


def _equal(expected: Decimal | None, got: float | None) -> bool:
    if expected is None or got is None:
        return expected is None and got is None
    return float(expected) == got


def _tell(value: Decimal | None) -> str:
    return "missing" if value is None else str(value)
