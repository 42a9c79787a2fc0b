"""Folds records as `fold` does, sample by sample only where something may change. Pure.

Between such samples a band says that nothing does, but that runs that are pending grow longer:
those of a whole stretch are counted at once.
"""

from dataclasses import replace

from server.alerts.condition import Condition, Season, Side
from server.alerts.machine import Machine, Transition, step
from server.alerts.quiet import Band, band
from server.alerts.samples import Floats, Int64s, Samples, is_frozen, is_good
from server.store.port import Int32s
from server.store.reading.raw import Rows
from server.watch.rows import Thermometer

# Looked through at first for what is not quiet; twice as many each time there is nothing.
_STRIDE = 64


def fold_long(
    condition: Condition, machine: Machine, samples: Samples
) -> tuple[Machine, list[Transition]]:
    """Take the good samples that are later than the machine's own."""
    later = samples.good
    if machine.until_ms is not None:
        later = later & (samples.time_ms > machine.until_ms)
    time_ms, value = samples.time_ms[later], samples.value[later]
    made: list[Transition] = []
    at = 0
    while at < len(time_ms):
        loud = _loud(band(condition, machine), time_ms, value, at)
        end = _gap(condition, machine, time_ms, at, loud)
        if end > at:
            machine = _grown(condition, machine, time_ms[at:end], value[at:end])
        if end < len(time_ms):
            machine, transition = step(condition, machine, int(time_ms[end]), float(value[end]))
            made += [transition] if transition else []
        at = end + 1
    return machine, made


def stored_samples(time_ms: Int64s, value: Floats, quality: Int32s) -> Samples:
    """Take observations that come in order of time, each instant once, as the store gives them."""
    return Samples(time_ms, value, is_good(value, quality))


def samples_in(
    rows: Rows, datastream_id: int, thermometer: Thermometer | None, season: Season | None
) -> Samples:
    """Take those of one series; of soil water what was measured while it was frozen is no evidence.

    The thermometer must have been read from `THERMOMETER_MS` before.
    """
    own = rows.of(datastream_id)
    samples = stored_samples(own.time_ms, own.value, own.quality)
    if thermometer is None:
        return samples
    told = rows.of(thermometer.datastream_id)
    warmth = stored_samples(told.time_ms, told.value, told.quality)
    return samples.without(is_frozen(samples.time_ms, warmth, thermometer.thawed_above, season))


def _loud(quiet: Band, time_ms: Int64s, value: Floats, at: int) -> int:
    """Find the next sample that lies outside a band."""
    stride = _STRIDE
    while at < len(time_ms):
        part = slice(at, at + stride)
        out = (value[part] < quiet.lower) | (value[part] > quiet.upper)
        out |= (time_ms[part] < quiet.from_ms) | (time_ms[part] >= quiet.until_ms)
        found = int(out.argmax())
        if out[found]:
            return at + found
        at, stride = at + stride, 2 * stride
    return len(time_ms)


def _gap(condition: Condition, machine: Machine, time_ms: Int64s, at: int, end: int) -> int:
    """Find the first sample that comes too late to go on with what is pending; else the end."""
    if not machine.pending or end == at:
        return end
    if int(time_ms[at]) - machine.pending[0].last_ms > condition.silence_ms:
        return at
    gaps = time_ms[at + 1 : end] - time_ms[at : end - 1] > condition.silence_ms
    return at + 1 + int(gaps.argmax()) if gaps.any() else end


def _grown(condition: Condition, machine: Machine, time_ms: Int64s, value: Floats) -> Machine:
    """Count samples that only make pending runs longer."""
    last_ms, count = int(time_ms[-1]), len(time_ms)
    worse, worst = (min, value.min()) if condition.side is Side.BELOW else (max, value.max())
    runs = tuple(
        replace(run, last_ms=last_ms, good=run.good + count, worst=worse(run.worst, float(worst)))
        for run in machine.pending
    )
    return replace(machine, until_ms=last_ms, pending=runs)
