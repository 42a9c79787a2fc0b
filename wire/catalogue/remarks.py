"""What is allowed in a catalogue entry but seldom meant: told to who writes one, never refused."""

from collections import Counter
from collections.abc import Iterator

from wire.catalogue.fields import Field, Problem
from wire.catalogue.model import Protocol, SensorModel
from wire.properties import observed_property

# Which tables an entry may have, by protocol.
_OWN_TABLE = {Protocol.SDI12: "sdi12", Protocol.MODBUS: "modbus", Protocol.LINE: "line"}


def remarks(model: SensorModel) -> Iterator[Problem]:
    """Find what should be looked at again in a model that is right by all its keys."""
    own = _OWN_TABLE.get(model.protocol)
    for table in _OWN_TABLE.values():
        if table != own and getattr(model, table) is not None:
            yield Problem((table,), f"a {model.protocol} sensor does not use [{table}]")
    yield from _same_places(model)
    for index, field in enumerate(model.field):
        yield from _about_field(model, field, index)


def _about_field(model: SensorModel, field: Field, index: int) -> Iterator[Problem]:
    if field.span is None:
        yield Problem(
            ("field", index),
            f"'{field.property}' has no span: no value of it will be found implausible",
        )
    if field.cumulative and field.max_per_s is None:
        yield Problem(
            ("field", index),
            f"'{field.property}' is a running total without max_per_s: a digit changed on the line "
            "would be counted",
        )
    if within := list(_sentinels_within(model, field)):
        yield Problem(
            ("field", index, "span"),
            f"'{field.property}': {', '.join(within)} could be measured, but is a sentinel: it "
            "will always be missing",
        )
    if not observed_property(field.property).is_measured:
        yield Problem(
            ("field", index),
            f"'{field.property}' is computed by the instrument, not measured: no alarm follows it",
        )


def _sentinels_within(model: SensorModel, field: Field) -> Iterator[str]:
    if field.span is None:
        return
    low, high = field.span
    for one in model.sentinel:
        concerns = not one.properties or field.property in one.properties
        if concerns and one.value is not None and low <= one.value <= high:
            yield str(one.value)


def _same_places(model: SensorModel) -> Iterator[Problem]:
    """Find fields that read the same value in the same way: one was copied and not changed."""
    seen = Counter(_place(field) for field in model.field)
    for index, field in enumerate(model.field):
        if seen[_place(field)] > 1:
            yield Problem(
                ("field", index),
                f"'{field.property}' is read where another field is: both mean it?",
            )


def _place(field: Field) -> tuple[object, ...]:
    return (
        *(field.command, field.position, field.function, field.register, field.key),
        field.statistic,
    )
