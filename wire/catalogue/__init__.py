"""The sensor catalogue: one TOML file a sensor model says what to ask it and what its answers mean.

Data, not code: the gateway asks by it, the server checks and derives by it. The bundled files are
read once as package data; that is the only reading this package does.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec

from wire.errors import ConfigError, ContractError
from wire.properties import observed_property
from wire.toml_text import parse
from wire.units import convert, unit


class Protocol(StrEnum):
    """How a sensor is spoken to."""

    SDI12 = "sdi12"
    MODBUS = "modbus"
    NMEA0183 = "nmea0183"
    LINE = "line"


class Statistic(StrEnum):
    """What one observation of a field stands for over its interval."""

    LAST = "last"
    MEAN = "mean"
    SUM = "sum"
    MAX = "max"
    VECTOR_MEAN = "vector_mean"  # of a direction, weighted by the model's wind_speed field
    NONZERO_SECONDS = "nonzero_seconds"  # how many one-second lines were above zero


class RegisterType(StrEnum):
    """How a Modbus value lies in its registers; 32-bit values are high word first."""

    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Sdi12(_Strict, frozen=True, kw_only=True):
    """How an SDI-12 sensor is measured: "M" with service request, "C" concurrent, "R0" continuous.

    `identify` is how the vendor and model part of its `aI!` reply begins.
    """

    command: str = "M"
    identify: str = ""


class Modbus(_Strict, frozen=True, kw_only=True):
    """Serial defaults and read function of a Modbus RTU sensor."""

    baud: int = 9600
    frame: str = "8N1"
    function: int = 3


class Line(_Strict, frozen=True, kw_only=True):
    """A talker that sends text lines. Named groups of `pattern` are the keys of the fields.

    `checksum` "xor" means `*HH` at the end of the line: the XOR of all characters before the star,
    a leading `$` left out, as two upper-case hex digits.
    """

    pattern: str
    checksum: str = "xor"
    baud: int = 9600


class Field(_Strict, frozen=True, kw_only=True):
    """One value of a sensor and the observation made of it.

    `unit` (UCUM) and `span` describe the value as the instrument gives it, after `scale`;
    `resolution` is what a computed statistic is rounded to. Where it is found: `position` (1-based,
    SDI-12), `register` (0-based, Modbus), or `key` (NMEA `MWV.speed`, `XDR.C.AIR`; line group).
    """

    property: str
    unit: str
    resolution: Decimal
    span: tuple[Decimal, Decimal] | None = None
    statistic: Statistic = Statistic.LAST
    position: Annotated[int, msgspec.Meta(ge=1, le=99)] | None = None
    register: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None
    type: RegisterType = RegisterType.UINT16
    scale: Decimal = Decimal(1)
    key: str | None = None


class Sentinel(_Strict, frozen=True, kw_only=True):
    """A value that means "no value", and why; of the named `properties`, or of all when none is."""

    value: Decimal
    reason: str
    properties: list[str] = []


class Derived(_Strict, frozen=True, kw_only=True):
    """A series the server computes from a raw one by a named, versioned transform."""

    property: str
    unit: str
    source: str
    transform: str


class SensorModel(_Strict, frozen=True, kw_only=True):
    """A sensor model. `reference` says where its facts were read."""

    model: str
    vendor: str
    protocol: Protocol
    reference: str
    field: Annotated[list[Field], msgspec.Meta(min_length=1)]
    sdi12: Sdi12 | None = None
    modbus: Modbus | None = None
    line: Line | None = None
    sentinel: list[Sentinel] = []
    derived: list[Derived] = []

    def field_for(self, property_key: str) -> Field | None:
        """Find the field that yields a property."""
        return next((one for one in self.field if one.property == property_key), None)

    def missing_reason(self, property_key: str, value: Decimal) -> str | None:
        """Tell why a value stands for "no value", or None when it is a real one."""
        for one in self.sentinel:
            if one.value == value and (not one.properties or property_key in one.properties):
                return one.reason
        return None


_WHERE = {
    Protocol.SDI12: "position",
    Protocol.MODBUS: "register",
    Protocol.NMEA0183: "key",
    Protocol.LINE: "key",
}


def parse_model(text: str, source: str) -> SensorModel:
    """Read one catalogue file; raises ConfigError saying what is wrong with it, and where."""
    model = parse(text, SensorModel, source)
    try:
        for field in model.field:
            _check_field(model, field)
        for derived in model.derived:
            _check_derived(model, derived)
        for sentinel in model.sentinel:
            _check_sentinel(model, sentinel)
    except ContractError as error:
        raise ConfigError(source, str(error)) from None
    for section in (Protocol.SDI12, Protocol.MODBUS, Protocol.LINE):
        if model.protocol is section and getattr(model, section.value) is None:
            raise ConfigError(source, f"a {section.value} sensor needs a [{section.value}] table")
    return model


def _check_field(model: SensorModel, field: Field) -> None:
    convert(Decimal(0), field.unit, observed_property(field.property).unit)
    where = _WHERE[model.protocol]
    if getattr(field, where) is None:
        raise ContractError(
            f"field '{field.property}' needs a '{where}' for protocol {model.protocol}"
        )


def _check_derived(model: SensorModel, derived: Derived) -> None:
    observed_property(derived.property)
    unit(derived.unit)
    if model.field_for(derived.source) is None:
        raise ContractError(
            f"derived '{derived.property}' names a source that is no field: '{derived.source}'"
        )


def _check_sentinel(model: SensorModel, sentinel: Sentinel) -> None:
    for key in sentinel.properties:
        if model.field_for(key) is None:
            raise ContractError(
                f"sentinel {sentinel.value} names a property that is no field: '{key}'"
            )


@cache
def bundled() -> Mapping[str, SensorModel]:
    """All models that ship with Saxaul, by model name."""
    models = [
        parse_model(entry.read_text(encoding="utf-8"), entry.name)
        for entry in sorted(files(__name__).iterdir(), key=lambda item: item.name)
        if entry.name.endswith(".toml")
    ]
    return {one.model: one for one in models}
