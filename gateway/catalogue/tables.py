"""Models as tables for people: what there is, what one reads, what an answer came to."""

from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from gateway.catalogue.answers import Decoded
from gateway.readings import Reading
from wire.catalogue import Field, SensorModel, Statistic
from wire.catalogue.lines import Mode
from wire.properties import PROPERTIES, observed_property
from wire.units import UNITS, unit


def models_table(models: Mapping[str, SensorModel], own: Sequence[str]) -> Table:
    """List models, those of one's own marked."""
    table = Table(title=f"{len(models)} models", title_justify="left")
    for heading in ("model", "vendor", "speaks", "measures"):
        table.add_column(heading)
    for name in sorted(models, key=str.lower):
        one = models[name]
        measures = ", ".join(field.property for field in one.field)
        mark = " (yours)" if name in own else ""
        table.add_row(*map(escape, (name + mark, one.vendor, one.protocol, measures)))
    return table


def properties_table() -> Table:
    """List what can be measured, and the units that an entry may give it in."""
    table = Table(title="Properties", title_justify="left")
    for heading in ("property", "is", "people read it in", "an entry may give it in"):
        table.add_column(heading)
    for one in PROPERTIES.values():
        like = [
            code for code, other in UNITS.items() if other.dimension == unit(one.unit).dimension
        ]
        table.add_row(*map(escape, (one.key, one.label, one.unit, ", ".join(like))))
    return table


def fields_table(model: SensorModel) -> Table:
    """Say what is read of a model, where, and what it means."""
    table = Table(title=f"{escape(model.model)}: what is read", title_justify="left")
    for heading in (
        "property",
        "is",
        "found at",
        "unit",
        "step",
        "span",
        "statistic",
        "missing if",
    ):
        table.add_column(heading)
    for field in model.field:
        table.add_row(
            *map(
                escape,
                (
                    field.property,
                    observed_property(field.property).label,
                    _place(model, field),
                    field.unit,
                    str(field.resolution),
                    _span(field),
                    "" if field.statistic is Statistic.LAST else field.statistic.value,
                    _missing(model, field),
                ),
            )
        )
    return table


def decoded_table(decoded: Sequence[Decoded]) -> Table:
    """Show what an answer came to."""
    table = Table(title="This answer", title_justify="left")
    table.add_column("property")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("note")
    for field, reading in decoded:
        value = "missing" if reading.value is None else str(reading.value)
        table.add_row(
            *map(escape, (field.property, value, unit(field.unit).symbol, _note(field, reading)))
        )
    return table


def settings(model: SensorModel) -> str:
    """Say in a line how a model is spoken to."""
    if model.sdi12 is not None:
        how = f"asked by {', '.join(f'a{one}!' for one in model.sdi12.measurements)}"
        who = f", identifies itself as '{model.sdi12.identify}'" if model.sdi12.identify else ""
        return f"SDI-12, {how}{who}"
    if model.modbus is not None:
        table = model.modbus
        return f"Modbus RTU, {table.baud} baud, {table.frame}, function {table.function:02}"
    if model.line is not None:
        how = "asked" if model.line.mode is Mode.ASKED else "talks by itself"
        return f"lines of text, {model.line.baud} baud, {model.line.frame}, {how}"
    return f"{model.protocol}, talks by itself"


def _note(field: Field, reading: Reading) -> str:
    if reading.value is None:
        return reading.reason
    if field.span and not field.span[0] <= reading.value <= field.span[1]:
        return f"outside {_span(field)}"
    return ""


def _place(model: SensorModel, field: Field) -> str:
    if model.sdi12 is not None and field.position is not None:
        return f"{field.command or model.sdi12.measurements[0]}, value {field.position}"
    if field.register is not None:
        return f"0x{field.register:04X} {field.type}{_factor(field)}"
    return f"{field.key}{_factor(field)}"


def _factor(field: Field) -> str:
    factor = "" if field.scale == 1 else f" x {field.scale}"
    return factor if not field.offset else f"{factor} {field.offset:+}"


def _span(field: Field) -> str:
    return "" if field.span is None else f"{field.span[0]} to {field.span[1]}"


def _missing(model: SensorModel, field: Field) -> str:
    """Say which values mean that there is none."""
    return ", ".join(
        f"{one.shown} ({one.reason})"
        for one in model.sentinel
        if not one.properties or field.property in one.properties
    )
