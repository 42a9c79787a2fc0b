"""Sparkplug B device data (DDATA): a protobuf `Payload` with one `Metric` a reading.

Field numbers: sparkplug_b.proto of Eclipse Tahu. Rules: Eclipse Sparkplug 3.0, 6.4.6, by which a
DDATA metric has an alias and no name (payloads-alias-data-cmd-requirement), its own timestamp
(payloads-name-birth-data-requirement) and no data type (payloads-metric-datatype-not-req): the
DBIRTH has said names and types, once a session, and is not counted. Nor is `is_historical`, which
a window of past readings should carry: two bytes a reading more.
"""

import struct
from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import IntEnum

from benchmarks.wire_suite.window import Channel, Codec, Readings, Window


class Wire(IntEnum):
    """Protobuf's wire types (protobuf.dev, Encoding)."""

    VARINT = 0
    I64 = 1
    LEN = 2
    I32 = 5


# sparkplug_b.proto: message Payload.
PAYLOAD_TIMESTAMP, PAYLOAD_METRICS, PAYLOAD_SEQ = 1, 2, 3
# sparkplug_b.proto: message Payload.Metric.
METRIC_ALIAS, METRIC_TIMESTAMP = 2, 3
METRIC_INT, METRIC_FLOAT, METRIC_DOUBLE = 10, 12, 13

_HIGHEST_SEQ = 255  # the longest the sequence number gets


def write(window: Window) -> list[bytes]:
    """Write the window as one payload, row after row; aliases are the channels' places from 1."""
    columns = [_values(one, window.values[one.name]) for one in window.channels]
    metrics = [
        _metric(alias, time_ms, column[row])
        for row, time_ms in enumerate(window.times_ms)
        for alias, column in enumerate(columns, start=1)
    ]
    sent = _varint_field(PAYLOAD_TIMESTAMP, window.times_ms[-1])
    return [sent + b"".join(metrics) + _varint_field(PAYLOAD_SEQ, _HIGHEST_SEQ)]


def read(payload: bytes, channels: Sequence[Channel]) -> Readings:
    """Read a payload; a float stands for the decimal of the channel's resolution next to it."""
    out: dict[str, list[tuple[int, Decimal]]] = {}
    for number, metric in _fields(payload):
        if number == PAYLOAD_METRICS and isinstance(metric, bytes):
            fields = dict(_fields(metric))
            channel = channels[int(fields[METRIC_ALIAS]) - 1]
            reading = int(fields[METRIC_TIMESTAMP]), _decimal(fields, channel)
            out.setdefault(channel.name, []).append(reading)
    return out


def _metric(alias: int, time_ms: int, value: bytes) -> bytes:
    head = _varint_field(METRIC_ALIAS, alias) + _varint_field(METRIC_TIMESTAMP, time_ms)
    return _tag(PAYLOAD_METRICS, Wire.LEN) + _varint(len(head) + len(value)) + head + value


def _values(channel: Channel, column: Sequence[Decimal]) -> list[bytes]:
    """Write a column in the shortest type that carries all of it: Int32, Float or Double."""
    if all(value == value.to_integral_value() for value in column):
        # An Int32 goes as the unsigned number of the same 32 bits.
        return [_varint_field(METRIC_INT, int(value) & 0xFFFF_FFFF) for value in column]
    single = [struct.pack("<f", value) for value in column]
    if all(_from_float(s, channel) == v for s, v in zip(single, column, strict=True)):
        return [_tag(METRIC_FLOAT, Wire.I32) + one for one in single]
    return [_tag(METRIC_DOUBLE, Wire.I64) + struct.pack("<d", value) for value in column]


def _from_float(data: bytes, channel: Channel) -> Decimal:
    number: float = struct.unpack("<f" if len(data) == 4 else "<d", data)[0]
    exponent = channel.resolution.as_tuple().exponent
    return Decimal(number).quantize(Decimal(1).scaleb(int(exponent)))


def _decimal(fields: dict[int, int | bytes], channel: Channel) -> Decimal:
    for number in (METRIC_FLOAT, METRIC_DOUBLE):
        if isinstance(data := fields.get(number), bytes):
            return _from_float(data, channel)
    bits = int(fields[METRIC_INT])
    return Decimal(bits - 2**32 if bits >= 2**31 else bits)


def _tag(number: int, wire: Wire) -> bytes:
    return _varint(number << 3 | wire)


def _varint_field(number: int, value: int) -> bytes:
    return _tag(number, Wire.VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    """Write seven bits a byte, lowest first; the top bit says that more follow."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Walk a message: field numbers with integers, or with bytes for all other wire types."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, wire = tag >> 3, Wire(tag & 7)
        if wire is Wire.VARINT:
            value, at = _read_varint(data, at)
            yield number, value
            continue
        length = 8 if wire is Wire.I64 else 4
        if wire is Wire.LEN:
            length, at = _read_varint(data, at)
        yield number, data[at : at + length]
        at += length


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while data[at] > 0x7F:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | data[at] << shift, at + 1


CODEC = Codec("sparkplug_b", write, read)
