"""Compare what the database holds with what the sensors really said, reading by reading.

Pure: `evidence` reads the files and the database. Written against the rules of sampling,
not against the gateway's code.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from deploy.demo.check.facts import Evidence, Sensor, Series, Stored
from deploy.demo.check.verdict import Verdict
from deploy.demo.check.windows import Line, Windows, explain, nominal, statistic_of
from wire.catalogue import Field

# The gateway reads a line some time after its last byte left the simulator, on a busy machine.
SLACK_MS = 1000

# The transforms of the catalogue, once more: METER TEROS 11/12 manual, section 4.1, mineral soils.
_TRANSFORMS: Mapping[str, Callable[[float], float]] = {
    "teros12-mineral/1": lambda raw: 3.879e-4 * raw - 0.6956,
}
# Nobody tells the demo's server what its soils are: it assumes sand with 0.5 % organic matter.
_FIELD_CAPACITY, _WILTING_POINT = 0.0742, 0.028
_OF_VOLUME = {"m3/m3": 1.0, "%": 100.0}


def compare(evidence: Evidence) -> Verdict:
    """Account for every reading that was sent, and for every observation that is stored."""
    verdict = Verdict()
    accounted: dict[str, set[int]] = defaultdict(set)
    _compare_slots(_slots(evidence), evidence.stored, verdict, accounted)
    for sensor in evidence.sensors:
        if sensor.is_talker:
            _compare_talker(sensor, evidence, verdict, accounted)
    derived = _compare_derived(evidence, verdict)
    for name, series in evidence.stored.items():
        if name not in derived:
            _find_invented(name, series, accounted[name], verdict)
    verdict.count_duplicated(list(evidence.stored_twice))
    return verdict


# What a slot may hold: several answers (a retry) leave a choice; None stands for "missing".
_Slots = Mapping[str, Mapping[int, set[Decimal | None]]]


def _slots(evidence: Evidence) -> _Slots:
    slots: dict[str, dict[int, set[Decimal | None]]] = defaultdict(lambda: defaultdict(set))
    sensors = {sensor.name: sensor for sensor in evidence.sensors if not sensor.is_talker}
    for answer in evidence.answers:
        sensor = sensors.get(answer.device)
        if sensor is not None:
            slot = answer.at_ms - answer.at_ms % sensor.interval_ms
            for key, value in answer.values.items():
                slots[f"{sensor.name}/{key}"][slot].add(value)
            for key in answer.reasons:
                slots[f"{sensor.name}/{key}"][slot].add(None)
    for row in evidence.history:
        slots[row.datastream][row.time_ms].add(row.value)
    return slots


def _compare_slots(
    slots: _Slots, stored: Stored, verdict: Verdict, accounted: Mapping[str, set[int]]
) -> None:
    for name, expected in slots.items():
        series = stored.get(name, {})
        for time_ms, choices in expected.items():
            _compare_one(name, time_ms, choices, series, verdict)
            accounted[name].add(time_ms)


def _compare_one(
    name: str, time_ms: int, choices: set[Decimal | None], series: Series, verdict: Verdict
) -> None:
    told = " or ".join(sorted(_tell(choice) for choice in choices))
    if time_ms not in series:
        verdict.count_lost(name, time_ms, told)
    elif any(_equal(choice, series[time_ms]) for choice in choices):
        verdict.count_stored()
    elif series[time_ms] is None:
        verdict.count_lost(name, time_ms, told)
    else:
        verdict.count_wrong(name, time_ms, told, series[time_ms])


def _compare_talker(
    sensor: Sensor, evidence: Evidence, verdict: Verdict, accounted: Mapping[str, set[int]]
) -> None:
    own = (answer for answer in evidence.answers if answer.device == sensor.name)
    said = sorted(own, key=lambda answer: answer.at_ms)
    for keys in {_sentence(field) for field in sensor.model.field}:
        fields = [field for field in sensor.model.field if _sentence(field) == keys]
        lines = [
            Line(answer.at_ms, answer.values)
            for answer in said
            if any(_sentence_of(key) == keys for key in (*answer.values, *answer.reasons))
        ]
        _compare_sentence(_Talk(sensor, fields, lines), evidence, verdict, accounted)


@dataclass(frozen=True, slots=True)
class _Talk:
    """The lines of one kind that a talker sends, and the fields they carry."""

    sensor: Sensor
    fields: Sequence[Field]
    lines: Sequence[Line]

    def name(self, field: Field) -> str:
        return f"{self.sensor.name}/{field.property}"

    def statistic(self, field: Field, lines: Sequence[Line]) -> Decimal | None:
        return statistic_of(field, lines, self.sensor.interval_ms / 1000)


def _compare_sentence(
    talk: _Talk, evidence: Evidence, verdict: Verdict, accounted: Mapping[str, set[int]]
) -> None:
    series = {field.property: evidence.stored.get(talk.name(field), {}) for field in talk.fields}

    def fits(end_ms: int, lines: Sequence[Line]) -> bool:
        return all(
            _equal(talk.statistic(field, lines), series[field.property][end_ms])
            for field in talk.fields
            if end_ms in series[field.property]
        )

    interval = talk.sensor.interval_ms
    ends = _window_ends(evidence, interval, series.values())
    explained = explain(talk.lines, Windows(ends, interval, SLACK_MS), fits)
    for end_ms, ok in zip(ends, explained, strict=True):
        must = _must_be_there(evidence, end_ms, interval)
        for field in talk.fields:
            accounted[talk.name(field)].add(end_ms)
            _compare_window(_Spot(talk, field, end_ms, must), series, verdict, ok=ok)


def _must_be_there(evidence: Evidence, end_ms: int, interval_ms: int) -> bool:
    return evidence.ready_ms <= end_ms - interval_ms and end_ms <= evidence.until_ms


def _window_ends(evidence: Evidence, interval_ms: int, series: Iterable[Series]) -> list[int]:
    """Windows that must be there, and those that only began or ended in the run, if stored."""
    first = evidence.started_ms // interval_ms * interval_ms + interval_ms
    ends = range(first, evidence.until_ms + interval_ms + 1, interval_ms)
    known = [set(one) for one in series]
    return [
        end
        for end in ends
        if _must_be_there(evidence, end, interval_ms) or any(end in one for one in known)
    ]


@dataclass(frozen=True, slots=True)
class _Spot:
    """One field in one window; `must` when the gateway surely ran all the while."""

    talk: _Talk
    field: Field
    end_ms: int
    must: bool


def _compare_window(
    spot: _Spot, series: Mapping[str, Series], verdict: Verdict, *, ok: bool
) -> None:
    """Count one field of one window. When nothing explains the window, say what differs."""
    own, name = series[spot.field.property], spot.talk.name(spot.field)
    lines = nominal(spot.talk.lines, spot.end_ms, spot.talk.sensor.interval_ms)
    expected = spot.talk.statistic(spot.field, lines)
    if spot.end_ms not in own:
        if spot.must:
            verdict.count_lost(name, spot.end_ms, _tell(expected))
        return
    got = own[spot.end_ms]
    if ok:
        verdict.count_stored()
    elif got is None and expected is not None:
        verdict.count_lost(name, spot.end_ms, expected)
    else:
        verdict.count_wrong(name, spot.end_ms, f"{_tell(expected)} of {len(lines)} lines", got)


def _compare_derived(evidence: Evidence, verdict: Verdict) -> set[str]:
    """Recompute every derived series from its stored source; gives their names.

    The demo tells its sensors no parameters, such as a height's reference: what needs some is not
    derived, and would count as invented.
    """
    names = set()
    for sensor in evidence.sensors:
        for derived in sensor.model.derived:
            if derived.parameters:
                continue
            name = f"{sensor.name}/{derived.property}"
            names.add(name)
            source = evidence.stored.get(f"{sensor.name}/{derived.source}", {})
            series = evidence.stored.get(name, {})
            _compare_transform(name, _TRANSFORMS[derived.transform], source, series, verdict)
        names |= _compare_relative_water(sensor, evidence, verdict)
    return names


def _compare_relative_water(sensor: Sensor, evidence: Evidence, verdict: Verdict) -> set[str]:
    """Recompute relative water from the water content beside it, measured or derived."""
    measured = [one.unit for one in sensor.model.field if one.property == "vwc"]
    derived = [one.unit for one in sensor.model.derived if one.property == "vwc"]
    for unit in measured + derived:
        name = f"{sensor.name}/relative_extractable_water"

        def relative(vwc: float, whole: float = _OF_VOLUME[unit]) -> float:
            return (vwc / whole - _WILTING_POINT) / (_FIELD_CAPACITY - _WILTING_POINT)

        source = evidence.stored.get(f"{sensor.name}/vwc", {})
        _compare_transform(name, relative, source, evidence.stored.get(name, {}), verdict)
        return {name}
    return set()


def _compare_transform(
    name: str,
    transform: Callable[[float], float],
    source: Series,
    series: Series,
    verdict: Verdict,
) -> None:
    for time_ms in source.keys() | series.keys():
        raw, got = source.get(time_ms), series.get(time_ms)
        expected = None if raw is None else transform(raw)
        if not _follows(expected, got):
            verdict.count_underived(name, time_ms, expected, got)


def _find_invented(name: str, series: Series, accounted: set[int], verdict: Verdict) -> None:
    """Find values that nothing sent. A missing with nothing behind it is honest: no answer came."""
    for time_ms, value in series.items():
        if value is not None and time_ms not in accounted:
            verdict.count_invented(name, time_ms, value)


def _sentence(field: Field) -> str:
    return _sentence_of(field.key or "")


def _sentence_of(key: str) -> str:
    """Kind of line a field key belongs to: `MWV.speed` to MWV; one kind where there is no dot."""
    return key.partition(".")[0] if "." in key else ""


def _equal(expected: Decimal | None, got: float | None) -> bool:
    if expected is None or got is None:
        return expected is None and got is None
    return float(expected) == got


def _follows(expected: float | None, got: float | None) -> bool:
    """Compare, allowing for the order in which floats were multiplied and added."""
    if expected is None or got is None:
        return expected is None and got is None
    return math.isclose(expected, got, rel_tol=1e-12, abs_tol=1e-12)


def _tell(value: Decimal | None) -> str:
    return "missing" if value is None else str(value)
