"""SenML (RFC 8428) as a careful peer would write it, in JSON and in CBOR.

The window goes at once, channel after channel: name, time and unit are base fields (4.1) written
when they change, so that a record holds no more than its time after the base and its value; row
after row, every record would need a name. It is cut into packs that our own server takes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import cbor2

from benchmarks.wire_suite.window import Channel, Codec, Readings, Window, json_number
from wire import senml

# The SenML names of our units (RFC 8428, 12.1; RFC 8798). A unit that has none is left out, which a
# peer could not do: it would convert the value and send more digits.
_UNITS = {"1": "/", "Cel": "Cel", "W/m2": "W/m2", "m/s": "m/s", "deg": "deg", "mm": "mm"}
_UNITS |= {"{count}": "count", "s": "s"}

# RFC 8428, table 4.
_LABELS = {"bn": -2, "bt": -3, "bu": -4, "v": 2, "t": 6}

_Record = dict[str, Any]
_Number = Callable[[Decimal], Any]


def write_json(window: Window) -> list[bytes]:
    """Write packs as JSON without spaces."""
    packs = _packs(window, json_number)
    return [json.dumps(pack, separators=(",", ":")).encode() for pack in packs]


def write_cbor(window: Window) -> list[bytes]:
    """Write packs as CBOR with integer labels."""
    packs = _packs(window, _cbor_number)
    return [
        cbor2.dumps([{_LABELS[key]: value for key, value in record.items()} for record in pack])
        for pack in packs
    ]


def read_json(payload: bytes, _channels: Sequence[Channel]) -> Readings:
    """Read a pack with our own resolver."""
    return _resolved(json.loads(payload, parse_float=Decimal))


def read_cbor(payload: bytes, _channels: Sequence[Channel]) -> Readings:
    """Read a pack with our own resolver."""
    return _resolved(cbor2.loads(payload))


def _cbor_number(value: Decimal) -> int | Decimal:
    """Take an integer, else a decimal fraction (tag 4): exact, and shorter than a double (6)."""
    return int(value) if value == value.to_integral_value() else value.normalize()


def _packs(window: Window, number: _Number) -> Iterator[list[_Record]]:
    """Put the channels without a unit first: a base unit can be changed, but not taken back."""
    channels = sorted(window.channels, key=lambda one: _UNITS.get(one.unit, ""))
    room = max(1, senml.MAX_RECORDS // len(window.times_ms))
    for start in range(0, len(channels), room):
        yield _pack(window, channels[start : start + room], number)


def _pack(window: Window, channels: Sequence[Channel], number: _Number) -> list[_Record]:
    base_s = window.times_ms[0] // 1000
    records: list[_Record] = []
    unit = ""
    for channel in channels:
        column = _column(window, channel, number)
        base: _Record = {"bn": channel.name}
        if not records:
            base["bt"] = base_s
        if unit != (unit := _UNITS.get(channel.unit, "")):
            base["bu"] = unit
        column[0] = base | column[0]
        records += column
    return records


def _column(window: Window, channel: Channel, number: _Number) -> list[_Record]:
    start_ms = window.times_ms[0]
    rows = zip(window.times_ms, window.values[channel.name], strict=True)
    return [
        {"t": (time_ms - start_ms) // 1000, "v": number(value)}
        if time_ms != start_ms
        else {"v": number(value)}
        for time_ms, value in rows
    ]


def _resolved(records: object) -> Readings:
    out: dict[str, list[tuple[int, Decimal]]] = {}
    for record in senml.resolve(records, now_ms=0).records:
        if isinstance(record.value, Decimal):
            out.setdefault(record.name, []).append((record.time_ms, record.value))
    return out


JSON = Codec("senml_json", write_json, read_json)
CBOR = Codec("senml_cbor", write_cbor, read_cbor)
