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
    GUST = "gust"  # the highest mean of 3 s (WMO-No. 8): of samples at 1 s or faster


class RegisterType(StrEnum):
    """What a Modbus value is: an integer or an IEEE 754 number of 16, 32 or 64 bits."""

    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    FLOAT32 = "float32"
    FLOAT64 = "float64"


class WordOrder(StrEnum):
    """How the bytes A (highest) to D of a 32-bit Modbus value follow on each other.

    The last two have the bytes of each register swapped, so they concern 16-bit values as well.
    """

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


class Field(Strict, frozen=True, kw_only=True):
    """One value of a sensor and the observation made of it.

    `unit` (UCUM) and `span` describe the value as the instrument gives it, after `scale` and
    `offset` (value = sent x scale + offset, Modbus);
    `resolution` is what a computed statistic is rounded to. Where it is found: `position` (1-based,
    SDI-12), `register` (0-based, Modbus), or `key` (NMEA `MWV.speed`, `XDR.C.AIR`; line group).

    `cumulative` says that the instrument gives a running total: the statistic is that of what was
    added between two readings. The total starts again at 0 after reaching `wraps_at` (0 to 65535:
    65536); `max_per_s`, more than can ever be added in a second, tells that from a reset, and a
    digit changed on the line from an amount; a total that is weighed rather than counted may fall
    by up to `drift` without having been reset. `over_s` takes the statistic over the last so many
    seconds of the interval only (WMO: 1-min means).
    `command` says in the answer to which of several SDI-12 commands (default: the first);
    `function` and `word_order` are those of the [modbus] table unless given.
    Where a line says its units by letters, `letters` gives the UCUM code of each; the letter stands
    behind the number, or in the group or column `letter`.
    """

    property: str
    unit: str
    resolution: Decimal
    span: tuple[Decimal, Decimal] | None = None
    statistic: Statistic = Statistic.LAST
    position: Annotated[int, msgspec.Meta(ge=1, le=999)] | None = None
    register: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None
    type: RegisterType = RegisterType.UINT16
    scale: Decimal = Decimal(1)
    key: str | None = None
    command: str | None = None
    offset: Decimal = Decimal(0)
    function: int | None = None
    word_order: WordOrder | None = None
    letters: dict[str, str] = msgspec.field(default_factory=dict)
    letter: str = ""
    cumulative: bool = False
    wraps_at: Decimal | None = None
    max_per_s: Decimal | None = None
    drift: Decimal = Decimal(0)
    over_s: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None = None
