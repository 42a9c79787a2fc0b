"""Is what the gateway sealed what its instruments said, and is nothing late? Pure; takes events.

Written from the rules of sampling, not after the gateway's code; the statistics of talkers are
those of `deploy.demo.check`.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from benchmarks.gateway_suite.events import Said, Sealed
from benchmarks.gateway_suite.station import BEGAN_S, INTERVAL_S, Instrument, Unplugged
from deploy.demo.check.windows import Line, statistic_of
from gateway.buses.back_off import LONGEST_PAUSE_S
from wire.batch import Sample, decode
from wire.catalogue import Field, SensorModel

_INTERVAL_MS = INTERVAL_S * 1000
_BEGAN_MS = round(BEGAN_S * 1000)
# An answer later than this after its slot is late.
LATE_MS = _INTERVAL_MS // 2
# What was said is kept until the slots to which it may belong are sealed.
_KEPT_MS = 10 * _INTERVAL_MS
_SHOWN = 20


@dataclass(slots=True)
class Spells:
    """When something ails a sensor, or its line, ms since the epoch.

    Each spell lasts one back-off step longer than its fault: the longest pause, and the slot after.
    """

    spells: list[tuple[int, int]] = field(default_factory=list)

    def add(self, after_s: float, for_s: float, warm_up_s: float = 0.0) -> None:
        """Note a spell, in seconds after the beginning."""
        after_ms, for_ms = round(after_s * 1000), round(for_s * 1000)
        recovery_ms = round((LONGEST_PAUSE_S + warm_up_s) * 1000) + _INTERVAL_MS
        self.spells.append((_BEGAN_MS + after_ms, _BEGAN_MS + after_ms + for_ms + recovery_ms))

    def cover(self, slot_ms: int) -> bool:
        """Tell whether the interval before or after a slot is touched."""
        return any(
            begin_ms <= slot_ms + _INTERVAL_MS and slot_ms - _INTERVAL_MS <= end_ms
            for begin_ms, end_ms in self.spells
        )


@dataclass(slots=True)
class _Series:
    """One datastream: whose it is, and up to where it has been seen."""

    instrument: Instrument
    model: SensorModel
    field: Field
    spells: Spells
    last_ms: int


@dataclass(slots=True)
class Audit:
    """What was found. `complaints` tells the first of what is wrong or late."""

    instruments: list[Instrument]
    unplugged: list[Unplugged]
    models: Mapping[str, SensorModel]
    readings: int = 0
    missing: int = 0
    wrong: int = 0
    slots_late: int = 0
    complaints: list[str] = field(default_factory=list)
    _said: dict[str, deque[Said]] = field(default_factory=lambda: defaultdict(deque))
    _series: dict[str, _Series] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """List the series that there must be."""
        for one in self.instruments:
            model, spells = self.models[one.model], Spells()
            for fault in one.faults:
                spells.add(fault["after_s"], fault["for_s"], model.warm_up_s)
            for away in self.unplugged:
                if away.bus == one.bus:
                    spells.add(away.after_s, away.for_s, model.warm_up_s)
            # A talker's first whole window ends an interval after the beginning.
            last_ms = _BEGAN_MS - (0 if model.talks else _INTERVAL_MS)
            for each in model.field:
                name = f"{one.name}/{each.property}"
                self._series[name] = _Series(one, model, each, spells, last_ms)

    def hear(self, said: Said) -> None:
        """Take what an instrument said."""
        known = self._said[said.device]
        known.append(said)
        while known[0].at_ms < said.at_ms - _KEPT_MS:
            known.popleft()

    def judge(self, sealed: Sealed) -> None:
        """Hold a batch to what was said."""
        for series in decode(sealed.payload).series:
            known = self._series.get(series.name)
            for sample in series.samples():
                if known is None:
                    self._complain_wrong(series.name, sample, "no such series")
                elif sample.time_ms > _BEGAN_MS or not known.model.talks:
                    self._go_on(series.name, known, sample)

    def end(self, until_ms: int) -> None:
        """Count the slots up to an instant that were never sealed; the last one may still come."""
        for name, series in self._series.items():
            self._count_skipped(name, series, until_ms - _INTERVAL_MS)

    def _go_on(self, name: str, series: _Series, sample: Sample) -> None:
        self._count_skipped(name, series, sample.time_ms)
        if sample.time_ms % _INTERVAL_MS or sample.time_ms <= series.last_ms:
            self._complain_wrong(name, sample, "no slot, or for the second time")
            return
        series.last_ms = sample.time_ms
        if sample.value is None:
            self.missing += 1
        else:
            self.readings += 1
        judge = self._judge_talker if series.model.talks else self._judge_asked
        judge(name, series, sample)

    def _count_skipped(self, name: str, series: _Series, until_ms: int) -> None:
        for slot_ms in range(series.last_ms + _INTERVAL_MS, until_ms, _INTERVAL_MS):
            self._complain_late(name, series, slot_ms, "skipped")

    def _judge_asked(self, name: str, series: _Series, sample: Sample) -> None:
        key = series.field.property
        answers = list(self._within(series, sample.time_ms, sample.time_ms + _INTERVAL_MS))
        if sample.value is None:
            if not any(key in one.reasons for one in answers):
                self._complain_late(name, series, sample.time_ms, sample.reason)
            return
        same = [one.at_ms for one in answers if one.values.get(key) == sample.value]
        if not same:
            told = ", ".join(str(one.values.get(key)) for one in answers) or "nothing"
            self._complain_wrong(name, sample, f"said: {told}")
        elif same[0] - sample.time_ms > LATE_MS:
            self._complain_late(name, series, sample.time_ms, "late")

    def _judge_talker(self, name: str, series: _Series, sample: Sample) -> None:
        said = self._within(series, sample.time_ms - _INTERVAL_MS, sample.time_ms)
        lines = [Line(one.at_ms, one.values) for one in said]
        expected = statistic_of(series.field, lines, float(INTERVAL_S))
        if sample.value is None:
            if expected is not None:
                self._complain_late(name, series, sample.time_ms, sample.reason)
        elif sample.value != expected:
            self._complain_wrong(name, sample, f"said: {_tell(expected)} in {len(lines)} lines")

    def _within(self, series: _Series, from_ms: int, before_ms: int) -> Iterator[Said]:
        return (
            one for one in self._said[series.instrument.name] if from_ms <= one.at_ms < before_ms
        )

    def _complain_wrong(self, name: str, sample: Sample, why: str) -> None:
        self.wrong += 1
        self._complain(f"wrong: {name} at {sample.time_ms}: {_tell(sample.value)}; {why}")

    def _complain_late(self, name: str, series: _Series, slot_ms: int, why: str) -> None:
        if not series.spells.cover(slot_ms):
            self.slots_late += 1
            self._complain(f"not in time: {name} at {slot_ms}: {why}")

    def _complain(self, text: str) -> None:
        if len(self.complaints) < _SHOWN:
            self.complaints.append(text)


def _tell(value: Decimal | None) -> str:
    return "nothing" if value is None else str(value)
