"""SenML packs (RFC 8428) resolved to records that stand for themselves. Pure.

A pack is a list of records as JSON (text labels) or CBOR (integer labels) gave them, numbers being
int, Decimal or float. Base fields hold for their record and those after it (section 4.1); a
resolved record (section 4.6) needs none.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any

from wire.batch import MAX_TIME_MS
from wire.errors import ContractError

# What one pack may cost the server. A pack of 10,000 records is far beyond any node.
MAX_PACK_BYTES = 256 * 1024
MAX_RECORDS = 10_000
MAX_NAME_CHARS = 255
# No instrument prints more; exact sums and conversions of such numbers stay small and finite.
MAX_DIGITS = 40
MAX_MAGNITUDE = 100  # as a power of ten

# A time below 2^28 s counts from now: RFC 8428, 4.5.3.
RELATIVE_BELOW_S = 2**28
# RFC 8428, 4.4: a higher version must not be used. 26 is 10 with the one feature "secondary units"
# of RFC 9100, which we read in every pack.
VERSION = 10
VERSION_WITH_SECONDARY_UNITS = 26

# RFC 8428, table 4.
_CBOR_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:./_-]*")  # RFC 8428, 4.5.1
# Wide enough for a sum of any two numbers within the limits: never rounds.
_EXACT = Context(prec=3 * MAX_MAGNITUDE)
_ZERO = Decimal(0)


class Kind(StrEnum):
    """What a record carries; each is the label of its value."""

    NUMBER = "v"
    TEXT = "vs"
    BOOLEAN = "vb"
    DATA = "vd"
    SUM_ONLY = "s"


_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.BOOLEAN: (bool,),
    Kind.DATA: (str, bytes),  # base64 in JSON, octets in CBOR
}


@dataclass(frozen=True, slots=True)
class Record:
    """A resolved record. `unit` is "" when none was given; `sum` is in unit times seconds."""

    name: str
    time_ms: int
    unit: str
    kind: Kind
    value: Decimal | str | bool | bytes | None
    sum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Pack:
    """A resolved pack, oldest record first; `is_relative` when a time in it counted from now."""

    records: Sequence[Record]
    is_relative: bool


@dataclass(slots=True)
class _Base:
    """The base fields as they hold for the record at hand."""

    name: str = ""
    unit: str = ""
    time: Decimal = _ZERO
    value: Decimal = _ZERO
    sum: Decimal | None = None

    def take(self, fields: Mapping[str, Any]) -> None:
        if "bver" in fields:
            _check_version(fields["bver"])
        if "bn" in fields:
            self.name = _text(fields, "bn")
        if "bu" in fields:
            self.unit = _text(fields, "bu")
        if "bt" in fields:
            self.time = _number(fields["bt"], "bt")
        if "bv" in fields:
            self.value = _number(fields["bv"], "bv")
        if "bs" in fields:
            self.sum = _number(fields["bs"], "bs")


def resolve(records: object, now_ms: int) -> Pack:
    """Resolve a pack that was received at `now_ms`; raises ContractError for one of no use."""
    if not isinstance(records, list):
        raise ContractError("a SenML pack is a list of records")
    if not 0 < len(records) <= MAX_RECORDS:
        raise ContractError(f"a pack holds 1 to {MAX_RECORDS} records, not {len(records)}")
    base = _Base()
    resolved: list[Record] = []
    is_relative = False
    for index, record in enumerate(records):
        try:
            fields = _labelled(record)
            base.take(fields)
            seconds = _EXACT.add(base.time, _number(fields.get("t", 0), "t"))
            is_relative = is_relative or seconds < RELATIVE_BELOW_S
            resolved.append(_record(fields, base, _instant(seconds, now_ms)))
        except ContractError as error:
            raise ContractError(f"record {index}: {error}") from None
    return Pack(sorted(resolved, key=lambda one: one.time_ms), is_relative)


def _labelled(record: object) -> dict[str, Any]:
    """Give the fields by their JSON labels, without those that we may ignore."""
    if not isinstance(record, Mapping):
        raise ContractError("it is no map of labels to values")
    fields: dict[str, Any] = {}
    for key, value in record.items():
        label = _CBOR_LABELS.get(key) if type(key) is int else key
        if isinstance(label, str) and label.endswith("_"):  # RFC 8428, 4.4
            raise ContractError(f"its label '{label[:40]}' must be understood and is not known")
        if not isinstance(label, str):
            continue
        if label in fields:
            raise ContractError(f"it has the label '{label[:40]}' twice")
        fields[label] = value
    return fields


def _record(fields: Mapping[str, Any], base: _Base, time_ms: int) -> Record:
    kind, value = _value(fields, base)
    unit = _text(fields, "u") if "u" in fields else base.unit
    return Record(_name(fields, base), time_ms, unit, kind, value, _sum(fields, base))


def _name(fields: Mapping[str, Any], base: _Base) -> str:
    name = base.name + (_text(fields, "n") if "n" in fields else "")
    if len(name) > MAX_NAME_CHARS:
        raise ContractError(f"its name has over {MAX_NAME_CHARS} characters")
    if not _NAME.fullmatch(name):
        raise ContractError(
            f"its name '{name}' is not made of A-Z a-z 0-9 - : . / _ with a letter or digit first"
        )
    return name


def _value(
    fields: Mapping[str, Any], base: _Base
) -> tuple[Kind, Decimal | str | bool | bytes | None]:
    kinds = [kind for kind in Kind if kind is not Kind.SUM_ONLY and kind in fields]
    if not kinds and "s" in fields:
        return Kind.SUM_ONLY, None
    if len(kinds) != 1:
        raise ContractError(f"it has {len(kinds)} of the values v, vs, vb, vd; one is needed")
    kind = kinds[0]
    if kind is Kind.NUMBER:
        return kind, _added(base.value, _number(fields["v"], "v"), "v")
    if not isinstance(fields[kind], _TYPES[kind]):
        raise ContractError(f"its '{kind}' is of the wrong type")
    return kind, fields[kind]


def _sum(fields: Mapping[str, Any], base: _Base) -> Decimal | None:
    if "s" not in fields:
        return base.sum
    return _added(base.sum or _ZERO, _number(fields["s"], "s"), "s")


def _instant(seconds: Decimal, now_ms: int) -> int:
    """Turn a SenML time into milliseconds UTC."""
    time_ms = int(_EXACT.to_integral_value(_EXACT.multiply(seconds, Decimal(1000))))
    if seconds < RELATIVE_BELOW_S:
        time_ms += now_ms
    # What no absolute time can name is no instant of a record either.
    if not RELATIVE_BELOW_S * 1000 <= time_ms <= MAX_TIME_MS:
        raise ContractError("its instant lies outside the years 1978 to 9999")
    return time_ms


def _check_version(version: object) -> None:
    if type(version) is not int or version < 1:
        raise ContractError("its 'bver' is no positive integer")
    if version > VERSION and version != VERSION_WITH_SECONDARY_UNITS:
        raise ContractError(f"SenML version {_short(version)} is not known; we read {VERSION}")


def _text(fields: Mapping[str, Any], label: str) -> str:
    value = fields[label]
    if not isinstance(value, str):
        raise ContractError(f"its '{label}' is no text")
    return value


def _added(base: Decimal, value: Decimal, label: str) -> Decimal:
    return _number(_EXACT.add(base, value), label)


def _number(value: object, label: str) -> Decimal:
    """Read a number within the limits, exactly; a float as the shortest decimal that names it."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ContractError(f"its '{label}' is no number")
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        raise ContractError(f"its '{label}' has over {MAX_DIGITS} digits")
    if isinstance(value, float):
        value = Decimal(repr(value)) if math.isfinite(value) else Decimal("NaN")
    number = Decimal(value)
    if not number.is_finite():
        raise ContractError(f"its '{label}' is not a finite number")
    if not number:
        return _ZERO
    if abs(number.adjusted()) > MAX_MAGNITUDE:
        raise ContractError(f"its '{label}' is beyond 10^{MAX_MAGNITUDE}, or closer to zero")
    if len(number.as_tuple().digits) > MAX_DIGITS:
        raise ContractError(f"its '{label}' has over {MAX_DIGITS} digits")
    return number


def _short(number: int) -> str:
    """Write a number that a peer chose without its thousands of digits."""
    return str(number) if number < 10**MAX_DIGITS else "of that size"
