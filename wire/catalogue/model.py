"""A sensor model: the whole of one catalogue file, and what holds for it whatever it speaks."""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from wire.catalogue import lines, modbus, sdi12
from wire.catalogue.fields import Field, Problem, Strict
from wire.catalogue.lines import Line
from wire.catalogue.modbus import Modbus
from wire.catalogue.sdi12 import Sdi12
from wire.errors import ContractError
from wire.properties import observed_property
from wire.units import convert, unit


class Protocol(StrEnum):
    """How a sensor is spoken to."""

    SDI12 = "sdi12"
    MODBUS = "modbus"
    NMEA0183 = "nmea0183"
    LINE = "line"


class Sentinel(Strict, frozen=True, kw_only=True):
    """A value that means "no value", and why; of the named `properties`, or of all when none is."""

    value: Decimal
    reason: str
    properties: list[str] = msgspec.field(default_factory=list)


class Derived(Strict, frozen=True, kw_only=True):
    """A series the server computes from a raw one by a named, versioned transform."""

    property: str
    unit: str
    source: str
    transform: str


class SensorModel(Strict, frozen=True, kw_only=True):
    """A sensor model. `reference` says where its facts were read."""

    model: str
    vendor: str
    protocol: Protocol
    reference: str
    field: Annotated[list[Field], msgspec.Meta(min_length=1)]
    sdi12: Sdi12 | None = None
    modbus: Modbus | None = None
    line: Line | None = None
    sentinel: list[Sentinel] = msgspec.field(default_factory=list)
    derived: list[Derived] = msgspec.field(default_factory=list)

    def field_for(self, property_key: str) -> Field | None:
        """Find the field that yields a property."""
        return next((one for one in self.field if one.property == property_key), None)

    def missing_reason(self, property_key: str, value: Decimal) -> str | None:
        """Tell why a value stands for "no value", or None when it is a real one."""
        for one in self.sentinel:
            if one.value == value and (not one.properties or property_key in one.properties):
                return one.reason
        return None


def check(model: SensorModel) -> Iterator[Problem]:
    """Find all that is wrong with a model whose keys are right."""
    yield from _check_protocol(model)
    for index, field in enumerate(model.field):
        if fault := _unit_fault(field.property, field.unit):
            yield Problem(("field", index, fault[0]), fault[1])
    for index, derived in enumerate(model.derived):
        yield from _check_derived(model, derived, index)
    for index, sentinel in enumerate(model.sentinel):
        for key in sentinel.properties:
            if model.field_for(key) is None:
                yield Problem(
                    ("sentinel", index, "properties"),
                    f"sentinel {sentinel.value} names a property that is no field: '{key}'",
                )


def _check_protocol(model: SensorModel) -> Iterator[Problem]:
    """Let the table of the model's protocol say what is wrong."""
    match model.protocol, model.sdi12, model.modbus, model.line:
        case Protocol.SDI12, Sdi12() as table, _, _:
            yield from sdi12.check(table, model.field)
        case Protocol.MODBUS, _, Modbus() as table, _:
            yield from modbus.check(table, model.field)
        case Protocol.LINE, _, _, Line() as table:
            yield from lines.check(table, model.field)
        case Protocol.NMEA0183, _, _, _:
            yield from lines.check_keys(model.field)
        case protocol, _, _, _:
            yield Problem(("protocol",), f"a {protocol} sensor needs a [{protocol}] table")


def _unit_fault(property_key: str, code: str) -> tuple[str, str] | None:
    """Tell which key is wrong, and how, when a unit does not fit its property."""
    try:
        known = observed_property(property_key)
    except ContractError as error:
        return "property", str(error)
    try:
        convert(Decimal(0), code, known.unit)
    except ContractError as error:
        return "unit", str(error)
    return None


def _check_derived(model: SensorModel, derived: Derived, index: int) -> Iterator[Problem]:
    try:
        observed_property(derived.property)
        unit(derived.unit)
    except ContractError as error:
        yield Problem(("derived", index), str(error))
    if model.field_for(derived.source) is None:
        yield Problem(
            ("derived", index, "source"),
            f"derived '{derived.property}' names a source that is no field: '{derived.source}'",
        )
