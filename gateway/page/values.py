"""What the sensors say, as a person reads it: every field with its unit, its age and how it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from gateway.config import BusSection, Config, SensorSection, datastream_name, place_of
from gateway.readings import Observation
from gateway.sampling.plan import plan_of
from wire.catalogue import Field, SensorModel
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
    """One datastream now. `at_ms` is wall-clock time in ms, `age_s` counts from its stamp."""

    datastream: str
    label: str
    unit: str
    state: State
    value: str | None = None
    reason: str = ""
    at_ms: int | None = None
    age_s: float | None = None


@dataclass(frozen=True, slots=True)
class Sensor:
    """One configured sensor and its values."""

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

    @property
    def answers(self) -> bool:
        """Tell whether it has answered within its interval."""
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
        """List the values that the instrument cannot have measured."""
        return [one for one in self.values if one.state is State.ODD]

    def ailing(self) -> list[Value]:
        """List the values that do not come, of a sensor that answers."""
        return [
            one
            for one in self.values
            if self.answers
            and one.reason not in _ANSWERS
            and one.state in {State.MISSING, State.STALE}
        ]

    def reason(self) -> str:
        """Say why it does not answer; empty where it has not been asked yet."""
        return next((one.reason for one in self.values if one.reason), "")


def sensors(
    config: Config, newest: Mapping[str, Observation], mono_ms: int, offset_ms: int
) -> list[Sensor]:
    """Describe all sensors; `offset_ms` is wall-clock minus monotonic time."""
    return [
        _sensor(bus, section, list(_values(section, model, newest, mono_ms, offset_ms)))
        for bus, section, model in config.sensors()
    ]


def _sensor(bus: BusSection, section: SensorSection, values: Sequence[Value]) -> Sensor:
    return Sensor(
        place=place_of(section),
        thing=section.thing,
        model=section.model,
        bus=bus.id,
        port=bus.port,
        address=section.address,
        interval_s=section.interval_s,
        depth_m=section.depth_m,
        height_m=section.height_m,
        values=values,
    )


def _values(
    section: SensorSection,
    model: SensorModel,
    newest: Mapping[str, Observation],
    mono_ms: int,
    offset_ms: int,
) -> Iterator[Value]:
    late_s = max(_STALE_LEAST_S, _STALE_INTERVALS * section.interval_s)
    for planned in plan_of(model, section.interval_s, section.sample_s).fields:
        field = planned.field
        name = datastream_name(section, field.property)
        label, symbol = observed_property(field.property).label, unit(field.unit).symbol
        seen = newest.get(name)
        if seen is None:
            yield Value(name, label, symbol, State.WAITING)
            continue
        age_s = (mono_ms - seen.mono_ms) / 1000
        yield Value(
            name,
            label,
            symbol,
            State.STALE if age_s > late_s else _state(field, seen.value),
            None if seen.value is None else f"{seen.value:f}",
            seen.reason,
            seen.mono_ms + offset_ms,
            round(age_s, 1),
        )


def _state(field: Field, value: Decimal | None) -> State:
    if value is None:
        return State.MISSING
    if field.span is not None and not field.span[0] <= value <= field.span[1]:
        return State.ODD
    return State.FINE
