"""A sensor model: the whole of one catalogue file, and what holds for it whatever it speaks."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated

import msgspec

from wire.catalogue import lines, modbus, sdi12
from wire.catalogue.fields import Field, Problem, Strict
from wire.catalogue.lines import Line
from wire.catalogue.modbus import Modbus
from wire.catalogue.sampling import check_sampling
from wire.catalogue.sdi12 import Sdi12
from wire.derive.transforms import TRANSFORMS
from wire.errors import ContractError
from wire.properties import PROPERTIES, observed_property
from wire.toml_text import Path
from wire.units import UNITS, convert, unit

MAX_NAME_LENGTH = 200  # what the inventory carries


class Protocol(StrEnum):
    """How a sensor is spoken to."""

    SDI12 = "sdi12"
    MODBUS = "modbus"
    NMEA0183 = "nmea0183"
    LINE = "line"
    DAVIS = "davis"


class Sentinel(Strict, frozen=True, kw_only=True):
    """A value that means "no value", and why; of the named `properties`, or of all when none is.

    Of an instrument that sends lines it may be a `text` instead, such as "#", "M" or "".
    """

    value: Decimal | None = None
    text: str | None = None
    reason: str
    properties: list[str] = msgspec.field(default_factory=list)

    @property
    def shown(self) -> str:
        """Write what it is about, for messages."""
        return f"'{self.text}'" if self.value is None else str(self.value)


class Derived(Strict, frozen=True, kw_only=True):
    """A series the server computes from a raw one by a named, versioned transform.

    A transform of several sources takes those of `also` after `source`: they are of the same sensor
    and of the same instant. Its `parameters` are keys of the sensor in gateway.toml; without them,
    or where a source is not measured, the series is not there.
    """

    property: str
    unit: str
    source: str
    transform: str
    also: list[str] = msgspec.field(default_factory=list)
    parameters: list[str] = msgspec.field(default_factory=list)


class Borrowed(Strict, frozen=True, kw_only=True):
    """A series that another sensor lends: its property `lent`, as it was when this one was read.

    The gateway notes it beside the sensor's own values; gateway.toml says who lends it.
    """

    property: str
    unit: str
    lent: str


class SensorModel(Strict, frozen=True, kw_only=True):
    """A sensor model. `reference` says where its facts were read.

    Readings within `warm_up_s` after it was silent are missing: it may just have been switched on.
    """

    model: str
    vendor: str
    protocol: Protocol
    reference: str
    warm_up_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    field: Annotated[list[Field], msgspec.Meta(min_length=1)]
    sdi12: Sdi12 | None = None
    modbus: Modbus | None = None
    line: Line | None = None
    sentinel: list[Sentinel] = msgspec.field(default_factory=list)
    derived: list[Derived] = msgspec.field(default_factory=list)
    borrowed: list[Borrowed] = msgspec.field(default_factory=list)

    @property
    def talks(self) -> bool:
        """Tell whether it speaks by itself, without being asked."""
        if self.protocol == Protocol.LINE:
            return self.line is None or self.line.mode is lines.Mode.TALKS
        return self.protocol == Protocol.NMEA0183

    @property
    def every_s(self) -> float:
        """How often it speaks by itself, in seconds."""
        return self.line.every_s if self.line is not None else 1.0

    def field_for(self, property_key: str) -> Field | None:
        """Find the field that yields a property."""
        return next((one for one in self.field if one.property == property_key), None)

    def missing_reason(self, property_key: str, value: Decimal) -> str | None:
        """Tell why a value stands for "no value", or None when it is a real one."""
        for one in self.sentinel:
            if one.value == value and (not one.properties or property_key in one.properties):
                return one.reason
        return None

    def missing_text(self, property_key: str, text: str) -> str | None:
        """Tell why a text stands for "no value", or None when it should be a number."""
        for one in self.sentinel:
            if one.text == text and (not one.properties or property_key in one.properties):
                return one.reason
        return None


def check(model: SensorModel) -> Iterator[Problem]:
    """Find all that is wrong with a model whose keys are right."""
    yield from _check_words(model)
    yield from _check_protocol(model)
    yield from check_sampling(model.field)
    yield from _check_names(model)
    for index, field in enumerate(model.field):
        yield from _check_field(field, index)
    for index, derived in enumerate(model.derived):
        yield from _check_derived(model, derived, index)
    for index, borrowed in enumerate(model.borrowed):
        if fault := _unit_fault(borrowed.property, borrowed.unit):
            yield Problem(("borrowed", index, fault[0]), fault[1])
        if fault := _unit_fault(borrowed.lent, borrowed.unit):
            yield Problem(("borrowed", index, "lent"), fault[1])
    for index, sentinel in enumerate(model.sentinel):
        yield from _check_sentinel(model, sentinel, index)


def _check_words(model: SensorModel) -> Iterator[Problem]:
    for key, what in (
        ("model", "as it is printed on the device"),
        ("vendor", "who makes it"),
        ("reference", "the manual and section its facts are from"),
    ):
        if not getattr(model, key).strip():
            yield Problem((key,), f"'{key}' is empty: say {what}")
    if len(model.model) > MAX_NAME_LENGTH:
        yield Problem(("model",), f"'model' is longer than {MAX_NAME_LENGTH} characters")


def _check_names(model: SensorModel) -> Iterator[Problem]:
    """Make sure that each property is there once: a series is named by thing, sensor, property."""
    places: list[tuple[Path, str]] = [
        *((("field", at), one.property) for at, one in enumerate(model.field)),
        *((("derived", at), one.property) for at, one in enumerate(model.derived)),
        *((("borrowed", at), one.property) for at, one in enumerate(model.borrowed)),
    ]
    seen: set[str] = set()
    for path, key in places:
        if key in seen:
            yield Problem(
                (*path, "property"), f"'{key}' is there twice: a sensor has one series of each"
            )
        seen.add(key)


def _check_field(field: Field, index: int) -> Iterator[Problem]:
    if fault := _unit_fault(field.property, field.unit):
        yield Problem(("field", index, fault[0]), fault[1])
    if field.resolution <= 0:
        yield Problem(("field", index, "resolution"), "'resolution' must be above 0")
    if field.span is not None and not field.span[0] < field.span[1]:
        yield Problem(
            ("field", index, "span"),
            f"span from {field.span[0]} to {field.span[1]} holds nothing: the lower limit is first",
        )


def _check_sentinel(model: SensorModel, sentinel: Sentinel, index: int) -> Iterator[Problem]:
    if (sentinel.value is None) is (sentinel.text is None):
        yield Problem(("sentinel", index), "needs a 'value' or a 'text', one of them")
    if sentinel.text is not None and model.protocol is not Protocol.LINE:
        yield Problem(
            ("sentinel", index, "text"), f"a {model.protocol} sensor sends numbers: give a 'value'"
        )
    if not sentinel.reason.strip():
        yield Problem(("sentinel", index, "reason"), "'reason' is empty: say why there is no value")
    for key in sentinel.properties:
        if model.field_for(key) is None:
            yield Problem(
                ("sentinel", index, "properties"),
                f"sentinel {sentinel.shown} names a property that is no field: '{key}'",
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
        case ((Protocol.NMEA0183 | Protocol.DAVIS), _, _, _):
            yield from lines.check_keys(model.field)
        case protocol, _, _, _:
            yield Problem(("protocol",), f"a {protocol} sensor needs a [{protocol}] table")


def _unit_fault(property_key: str, code: str) -> tuple[str, str] | None:
    """Tell which key is wrong, and how, when a unit does not fit its property."""
    try:
        known = observed_property(property_key)
    except ContractError as error:
        return "property", f"{error}{_near(property_key, PROPERTIES)}"
    try:
        convert(Decimal(0), code, known.unit)
    except ContractError as error:
        like = [one.code for one in UNITS.values() if one.dimension == UNITS[known.unit].dimension]
        return "unit", f"{error}; known for it: {', '.join(like)}"
    return None


def _near(word: str, words: Iterable[str]) -> str:
    close = get_close_matches(word, words, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return "; 'saxaul-gateway catalogue properties' lists all"


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
    lent = {one.property for one in model.borrowed}
    for key in derived.also:
        if model.field_for(key) is None and key not in lent:
            yield Problem(
                ("derived", index, "also"),
                f"derived '{derived.property}' names a source that is no field: '{key}'",
            )
    if fault := _transform_fault(derived):
        yield Problem(("derived", index, fault[0]), f"derived '{derived.property}': {fault[1]}")


def _transform_fault(derived: Derived) -> tuple[str, str] | None:
    """Tell which key is wrong, and how, when a transform is not there or wants something else."""
    transform = TRANSFORMS.get(derived.transform)
    if transform is None:
        return (
            "transform",
            f"unknown transform '{derived.transform}'; known: {', '.join(TRANSFORMS)}",
        )
    if transform.sources != 1 + len(derived.also):
        return "also", f"'{derived.transform}' takes {transform.sources} sources"
    if set(transform.parameters) != set(derived.parameters):
        wanted = ", ".join(transform.parameters) or "none"
        return "parameters", f"'{derived.transform}' takes the parameters {wanted}"
    return None
