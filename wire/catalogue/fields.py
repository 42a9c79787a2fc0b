"""The fields of a catalogue entry: where a value is found and what it means."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, NamedTuple

import msgspec


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a catalogue file: a key that it does not know is refused."""


class Problem(NamedTuple):
    """What is wrong with an entry, and at which key, such as ("field", 0, "unit")."""

    path: tuple[str | int, ...]
    message: str


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


class Field(Strict, frozen=True, kw_only=True):
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
