"""SenML packs: the bytes of a node that is not ours, read and put into arrays. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from io import BytesIO
from typing import NamedTuple

import cbor2
import msgspec
import numpy as np

from server.catalog.resolve import SeriesRef
from server.ingest.arrays import Named, Piece, by_era, left_out, usable
from wire.errors import ContractError
from wire.messages import ClockSource, DatastreamName
from wire.quality import Flag
from wire.senml import MAX_DIGITS, MAX_MAGNITUDE, MAX_PACK_BYTES, Kind, Pack, Record, resolve
from wire.units import convert_senml

# RFC 8949, 3: major type 4. No JSON text begins with one of these bytes.
_CBOR_ARRAYS = range(0x80, 0xA0)
_MAX_CBOR_DEPTH = 8  # a pack has two levels, a decimal fraction in it three

_SPOKEN = {
    Kind.TEXT: "a text ('vs')",
    Kind.BOOLEAN: "a boolean ('vb')",
    Kind.DATA: "octets ('vd')",
    Kind.SUM_ONLY: "a sum ('s') without a value",
}

_json = msgspec.json.Decoder(float_hook=Decimal)


class _Reading(NamedTuple):
    """A record's number, in the SenML unit it came with; "" for none."""

    time_ms: int
    value: Decimal
    unit: str


def read(payload: bytes, received_at: int) -> Pack:
    """Read a pack in JSON or CBOR; raises ContractError for anything else."""
    if len(payload) > MAX_PACK_BYTES:
        raise ContractError(f"pack of {len(payload)} bytes is over {MAX_PACK_BYTES}")
    is_cbor = len(payload) > 0 and payload[0] in _CBOR_ARRAYS
    return resolve(_read_cbor(payload) if is_cbor else _read_json(payload), received_at)


def name(pack: Pack, refs: Mapping[str, SeriesRef], units: Mapping[int, str]) -> Named:
    """Read what of a pack can be stored; raises as `pieces` does.

    Nobody says how the node's clock was known; relative times are by ours.
    """
    found = pieces(pack, refs, units)
    instants = [record.time_ms for record in pack.records]
    span_ms = (min(instants), max(instants)) if instants else None
    without = left_out([record.name for record in pack.records], refs)
    return Named(found, ClockSource.FREE, without, span_ms)


def pieces(pack: Pack, refs: Mapping[str, SeriesRef], units: Mapping[int, str]) -> list[Piece]:
    """Put a pack's numbers into columns, each in the unit (a UCUM code) of its datastream, by id.

    Without series that are left out. Raises UnannouncedError for a name that is not known yet;
    ContractError for what is no number, has a unit that does not fit, can be no datastream, or is
    one that only the server may write, or when none is left.
    """
    rows: dict[str, list[_Reading]] = {}
    for record in pack.records:
        rows.setdefault(record.name, []).append(_reading(record))
    for name in rows:
        _check_name(name)
    return [
        piece
        for name in usable(rows, refs)
        for piece in by_era(_piece(name, rows[name], refs[name], units[refs[name].datastream_id]))
    ]


def _read_json(payload: bytes) -> object:
    try:
        return _json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError(f"neither JSON nor a CBOR array: {error}") from None


def _read_cbor(payload: bytes) -> object:
    stream = BytesIO(payload)
    try:
        found: object = cbor2.load(
            stream,
            max_depth=_MAX_CBOR_DEPTH,
            allow_duplicate_keys=False,
            semantic_decoders=_TAGS,
        )
    except cbor2.CBORError as error:
        raise ContractError(f"not CBOR as SenML has it: {error}") from None
    if stream.read(1):
        raise ContractError("the CBOR array is followed by something else")
    return found


def _decimal_fraction(content: object, _immutable: bool) -> Decimal:  # noqa: FBT001 - cbor2's call
    """Read [exponent, mantissa]; a huge mantissa would take cbor2's own reader seconds."""
    match content:
        case [int(exponent), int(mantissa)]:
            if abs(exponent) <= 2 * MAX_MAGNITUDE and abs(mantissa) < 10**MAX_DIGITS:
                return Decimal(f"{mantissa}E{exponent}")
    raise ValueError("no decimal fraction, or one too long")


def _refuse_tag(_content: object, _immutable: bool) -> object:  # noqa: FBT001 - cbor2's call
    raise ValueError("not in SenML")


# RFC 8428, 6: numbers are integers, floats or decimal fractions (tag 4). cbor2 would make dates,
# regular expressions, cycles and more of other tags; those it does not know are no numbers either.
_TAGS = {4: _decimal_fraction} | dict.fromkeys(
    (0, 1, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799),
    _refuse_tag,
)


def _check_name(name: str) -> None:
    try:
        msgspec.convert(name, DatastreamName)
    except msgspec.ValidationError:
        raise ContractError(
            f"'{name}' names no datastream: write thing/sensor/property, as in the inventory"
        ) from None


def _reading(record: Record) -> _Reading:
    if not isinstance(record.value, Decimal):
        raise ContractError(
            f"'{record.name}' has {_SPOKEN[record.kind]}: only numbers ('v') are stored"
        )
    return _Reading(record.time_ms, record.value, record.unit)


def _piece(name: str, readings: Sequence[_Reading], ref: SeriesRef, unit: str) -> Piece:
    try:
        values = [_value(reading, unit) for reading in readings]
    except ContractError as error:
        raise ContractError(f"'{name}': {error}") from None
    return Piece(
        ref=ref,
        datastream_id=ref.datastream_id,
        time_ms=np.array([reading.time_ms for reading in readings], dtype=np.int64),
        value=np.array(values, dtype=np.float64),
        quality=np.full(len(readings), int(Flag.PASS), dtype=np.int32),
        reasons={},
    )


def _value(reading: _Reading, unit: str) -> float:
    """Give the double nearest to the value in the datastream's unit: exact until this last step.

    Without a unit the inventory speaks (RFC 8428, 4.5.2): the value is in the datastream's own.
    """
    if not reading.unit:
        return float(reading.value)
    return float(convert_senml(reading.value, reading.unit, unit))
