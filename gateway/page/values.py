"""What the sensors say, as a person reads it: every field with its unit, its age and how it is."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from gateway.buses.asking import Answer
from gateway.config import BusSection, Config, SensorSection, datastream_name, place_of
from gateway.page.engineering import Computed, computed
from gateway.readings import Observation, Reading
from gateway.sampling.plan import Sampled, plan_of
from wire.catalogue import Field, SensorModel, Statistic
from wire.properties import observed_property
from wire.units import unit

# An observation is due every interval; one that is missed by a little is not stale yet.
_STALE_INTERVALS = 2.5
_STALE_LEAST_S = 30.0
# Reasons that are answers: the instrument works and says that there is nothing to say.
_ANSWERS = frozenset({"calm"})


class State(StrEnum):
    """How a value is."""

    FINE = "fine"
    ODD = "odd"  # outside of what the instrument can measure
    MISSING = "missing"
    STALE = "stale"
    WAITING = "waiting"  # nothing has come yet


@dataclass(frozen=True, slots=True)
class Value:
    """One datastream now. `at_ms` is wall-clock time in ms, `age_s` counts from its stamp.

    `now` is what a person was answered since then, which is not stored: `state` judges it in the
    place of the stored one. `source` is what it is computed from here, by its label: only that is
    sent.
    """

    datastream: str
    label: str
    unit: str
    state: State
    value: str | None = None
    reason: str = ""
    at_ms: int | None = None
    age_s: float | None = None
    now: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One configured sensor and its values.

    `next_s` is how long it is until its next slot. `asking`: a person waits for its answer;
    `asked_s` is how long ago it came, and `asked_reason` why there was none.
    """

    place: str
    thing: str
    model: str
    bus: str
    port: str
    address: str
    interval_s: float
    depth_m: float | None
    height_m: float | None
    values: Sequence[Value]
    next_s: float | None = None
    asking: bool = False
    asked_s: float | None = None
    asked_reason: str = ""

    @property
    def answers(self) -> bool:
        """Tell whether it has answered within its interval, or when it was asked since."""
        return any(
            one.state in {State.FINE, State.ODD}
            or (one.state is State.MISSING and one.reason in _ANSWERS)
            for one in self.values
        )

    @property
    def state(self) -> State:
        """Tell how the sensor is: waiting before its first reading, odd if any value is."""
        if not self.answers:
            waiting = all(one.state is State.WAITING for one in self.values)
            return State.WAITING if waiting else State.MISSING
        return State.ODD if self.odd() else State.FINE

    def odd(self) -> list[Value]:
        """List the values that cannot be; one computed from such a value is not told as well."""
        odd = [one for one in self.values if one.state is State.ODD]
        labels = {one.label for one in odd}
        return [one for one in odd if one.source not in labels]

    def ailing(self) -> list[Value]:
        """List the values that do not come, of a sensor that answers."""
        return [
            one
            for one in self.values
            if self.answers
            and not one.source
            and one.reason not in _ANSWERS
            and one.state in {State.MISSING, State.STALE}
        ]

    def reason(self) -> str:
        """Say why it does not answer; empty where it has not been asked yet."""
        return next((one.reason for one in self.values if one.reason), "")


@dataclass(frozen=True, slots=True)
class Heard:
    """What has come of the sensors so far: the newest observation of each datastream by name.

    `answers` are those to persons, by place, and `asking` names the places that they wait for.
    `offset_ms` is wall-clock minus monotonic time, `mono_ms` now.
    """

    newest: Mapping[str, Observation]
    mono_ms: int
    offset_ms: int
    answers: Mapping[str, Answer]
    asking: Collection[str] = ()


def sensors(config: Config, heard: Heard) -> list[Sensor]:
    """Describe all sensors."""
    return [_sensor(bus, section, model, heard) for bus, section, model in config.sensors()]


def _sensor(bus: BusSection, section: SensorSection, model: SensorModel, heard: Heard) -> Sensor:
    place = place_of(section)
    answer = heard.answers.get(place)
    interval_ms = max(1, round(section.interval_s * 1000))
    values = list(_values(section, model, heard, answer))
    return Sensor(
        place=place,
        thing=section.thing,
        model=section.model,
        bus=bus.id,
        port=bus.port,
        address=section.address,
        interval_s=section.interval_s,
        depth_m=section.depth_m,
        height_m=section.height_m,
        values=_beside(values, list(_engineering(section, model, values, heard))),
        next_s=(interval_ms - (heard.mono_ms + heard.offset_ms) % interval_ms) / 1000,
        asking=place in heard.asking,
        asked_s=None if answer is None else round((heard.mono_ms - answer.mono_ms) / 1000, 1),
        asked_reason="" if answer is None else answer.reason,
    )


def _values(
    section: SensorSection, model: SensorModel, heard: Heard, answer: Answer | None
) -> Iterator[Value]:
    late_ms = 1000 * max(_STALE_LEAST_S, _STALE_INTERVALS * section.interval_s)
    answered = {one.key: one for one in answer.readings} if answer else {}
    for planned in plan_of(model, section.interval_s, section.sample_s).fields:
        field = planned.field
        name = datastream_name(section, field.property)
        seen = heard.newest.get(name)
        value = _stored(field, name, seen, heard, late_ms)
        now = answered.get(planned.key)
        is_newer = answer is not None and (seen is None or answer.mono_ms > seen.mono_ms)
        if now is not None and answer is not None and is_newer:
            is_late = heard.mono_ms - answer.mono_ms > late_ms
            value = _asked(value, planned, now, is_late=is_late)
        yield value


def _stored(
    field: Field, name: str, seen: Observation | None, heard: Heard, late_ms: float
) -> Value:
    label, symbol = observed_property(field.property).label, unit(field.unit).symbol
    if seen is None:
        return Value(name, label, symbol, State.WAITING)
    age_ms = heard.mono_ms - seen.mono_ms
    return Value(
        name,
        label,
        symbol,
        State.STALE if age_ms > late_ms else _state(field, seen.value),
        None if seen.value is None else f"{seen.value:f}",
        seen.reason,
        seen.mono_ms + heard.offset_ms,
        round(age_ms / 1000, 1),
    )


def _asked(value: Value, planned: Sampled, now: Reading, *, is_late: bool) -> Value:
    """Judge by what a person was answered, where that is the same quantity."""
    if planned.statistic is Statistic.NONZERO_SECONDS:
        return value
    if is_late:
        return replace(value, state=State.STALE)
    if now.value is None:
        return replace(value, state=State.MISSING, reason=now.reason)
    # A running total is no increment: what the catalogue says of those does not bound it.
    state = State.FINE if planned.field.cumulative else _state(planned.field, now.value)
    return replace(value, state=state, reason="", now=f"{now.value:f}")


def _engineering(
    section: SensorSection, model: SensorModel, values: Sequence[Value], heard: Heard
) -> Iterator[Value]:
    """Give what people read beside what the instrument gives: water content beside counts."""
    known = {one.datastream: one for one in values}
    for lent in model.borrowed if section.temperature_from else ():
        name = datastream_name(section, lent.property)
        known[name] = _lent(name, heard)
    for entry in model.derived:
        names = [datastream_name(section, key) for key in (entry.source, *entry.also)]
        formula = computed(section, entry)
        if formula is not None and all(name in known for name in names):
            blank = replace(
                known[names[0]],
                datastream=datastream_name(section, entry.property),
                label=observed_property(entry.property).label,
                unit=unit(entry.unit).symbol,
                source=known[names[0]].label,
            )
            yield _computed(blank, formula, [known[name] for name in names])


def _beside(values: Sequence[Value], computed_values: Sequence[Value]) -> list[Value]:
    """Put what is computed behind what it is computed from."""
    return [
        each
        for one in values
        for each in (one, *(it for it in computed_values if it.source == one.label))
    ]


def _lent(name: str, heard: Heard) -> Value:
    """Give what another sensor lent, as a source."""
    seen = heard.newest.get(name)
    if seen is None or seen.value is None:
        return Value(name, "", "", State.MISSING)
    at_ms = seen.mono_ms + heard.offset_ms
    return Value(name, "", "", State.FINE, f"{seen.value:f}", at_ms=at_ms)


def _computed(blank: Value, formula: Computed, sources: Sequence[Value]) -> Value:
    """Fill in what comes of the sources: as they are stored together, and as they were answered."""
    together = all(one.at_ms == blank.at_ms for one in sources)
    stored = formula([one.value for one in sources]) if together else None
    now = None if blank.now is None else formula([one.now or one.value for one in sources])
    shown = stored if blank.now is None else now
    state, reason = blank.state, blank.reason
    if state is State.FINE and shown is None:
        state, reason = State.MISSING, "it takes a value that is missing"
    elif state is State.FINE and shown is not None and not formula.can_be(shown):
        state = State.ODD
    return replace(
        blank,
        state=state,
        reason=reason,
        value=None if stored is None else formula.text(stored),
        now=None if now is None else formula.text(now),
    )


def _state(field: Field, value: Decimal | None) -> State:
    if value is None:
        return State.MISSING
    if field.span is not None and not field.span[0] <= value <= field.span[1]:
        return State.ODD
    return State.FINE
