"""Which model an answer fits: fields within what the model can measure, and a value to show."""

from collections.abc import Iterable, Sequence

from gateway.readings import Reading
from wire.catalogue import Field, SensorModel, Statistic

_SHOWN = 3


def plausible(model: SensorModel, readings: Sequence[Reading]) -> bool:
    """Tell whether all fields are there and hold what this model can measure."""
    return bool(readings) and all(_fits(model, one) for one in readings)


def ranked(
    fits: Iterable[tuple[SensorModel, list[Reading]]], baud: int
) -> list[tuple[SensorModel, list[Reading]]]:
    """Order models that an answer fits, the likeliest first.

    What tells is a value within its span that is not 0: cheap probes answer 0 for registers that
    they do not have, and a counter may show anything. Models of which less than half as much tells
    as of the best one are left out; of equals, one that leaves the factory at this rate is first.
    """
    found = [(one, _telling(*one)) for one in fits]
    most = max((telling for _, telling in found), default=0)
    likely = [(one, telling) for one, telling in found if 2 * telling >= most]
    likely.sort(key=lambda one: (one[1], _is_usual(one[0][0], baud)), reverse=True)
    return [one for one, _ in likely]


def convincing(fits: Iterable[tuple[SensorModel, list[Reading]]]) -> bool:
    """Tell whether any model explains more than a single number."""
    return any(_telling(*one) > 1 for one in fits)


def live(model: SensorModel, readings: Sequence[Reading]) -> str:
    """Show the first values that came, with their units; empty where none did."""
    fields = _fields(model)
    shown: dict[str, str] = {}
    for one in readings:
        if one.value is not None and one.key in fields:
            found = fields[one.key]
            shown.setdefault(found.property, f"{found.property} {one.value} {found.unit}")
    return ", ".join(list(shown.values())[:_SHOWN])


def hands_over(model: SensorModel) -> bool:
    """Tell whether what it gave once it does not give again: rain since it was last asked, say."""
    return not model.talks and any(
        one.statistic is Statistic.SUM and not one.cumulative for one in model.field
    )


def values(readings: Sequence[Reading]) -> int:
    """Count the fields that have a value."""
    return len({one.key for one in readings if one.value is not None})


def _fields(model: SensorModel) -> dict[str, Field]:
    by_key = {one.key: one for one in reversed(model.field) if one.key}
    return by_key | {one.property: one for one in model.field}


def _fits(model: SensorModel, reading: Reading) -> bool:
    if reading.value is None:
        return any(reading.reason == one.reason for one in model.sentinel)
    span = _fields(model)[reading.key].span
    return span is None or span[0] <= reading.value <= span[1]


def _telling(model: SensorModel, readings: Sequence[Reading]) -> int:
    """Count the places with a value that speaks for a model, less those that speak against it."""
    fields = _fields(model)
    known = [(fields[one.key], one.value) for one in readings if one.value is not None]
    places = {(one.register, one.key): bool(value) for one, value in known if one.span is not None}
    return sum(1 if speaks else -1 for speaks in places.values())


def _is_usual(model: SensorModel, baud: int) -> bool:
    return model.modbus is not None and model.modbus.baud == baud
