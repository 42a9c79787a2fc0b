"""Davis Vantage consoles (Pro, Pro2, Vue): commands out, LOOP packets in.

Source: Davis, "Vantage Pro, Vantage Pro2 and Vantage Vue Serial Communication Reference Manual"
v2.6; the offsets as weewx's driver has them. Bytes are little-endian but for the CRC.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from gateway.codecs.checksums import ChecksumError, crc16_ccitt
from gateway.errors import FrameError, SensorError
from gateway.readings import Reading

WAKE = b"\n"
LOOP = b"LOOP 1\n"
VERSION = b"NVER\n"
COLLECTOR = b"EEBRD 2B 01\n"  # one byte of the EEPROM: the set-up bits

ACK = b"\x06"
# The manual writes NAK as 0x21; consoles send 21, that is 0x15.
_REFUSALS = (b"\x21", b"\x15", b"\x18")
_AWAKE = b"\n\r"

_HEAD = b"LOO"
LOOP_BYTES = 99
_CRC_BYTES = 2
_TYPE_AT, _LOOP1 = 4, 0  # "LOOP 1" asks for this kind; LOOP2 packets have 1
_COLLECTOR_BYTES = 3
# Bits 5 and 4 of the set-up byte: which rain collector; what one tip of it is, in mm.
_CLICKS_MM = {0x00: Decimal("0.254"), 0x10: Decimal("0.2"), 0x20: Decimal("0.1")}

NO_VALUE = "no value"
CALM = "calm"
NO_COLLECTOR = "rain collector not known"


@dataclass(frozen=True, slots=True)
class Item:
    """A value of the packet: raw x scale + offset, in `unit`; `none` are raw values for "none"."""

    at: int
    format: str
    unit: str
    scale: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)
    none: frozenset[int] = frozenset()
    is_clicks: bool = False  # counts tips of the rain collector


_U8, _U16, _I16 = "<B", "<H", "<h"
_NO_U8, _NO_U16, _NO_I16 = frozenset({0xFF}), frozenset({0xFFFF}), frozenset({0x7FFF})
_TENTH, _HUNDREDTH, _THOUSANDTH = Decimal("0.1"), Decimal("0.01"), Decimal("0.001")
_BYTE_F = Decimal(-90)  # temperatures of one byte count from -90 degF


def _many(name: str, at: int, count: int, item: Item) -> Iterator[tuple[str, Item]]:
    for index in range(count):
        yield (
            f"{name}_{index + 1}",
            Item(at + index, _U8, item.unit, item.scale, item.offset, item.none),
        )


LOOP_ITEMS: Mapping[str, Item] = {
    "barometer": Item(7, _U16, "[in_i'Hg]", _THOUSANDTH, none=frozenset({0})),
    "inside_temperature": Item(9, _I16, "[degF]", _TENTH, none=_NO_I16),
    "inside_humidity": Item(11, _U8, "%", none=_NO_U8),
    "outside_temperature": Item(12, _I16, "[degF]", _TENTH, none=_NO_I16),
    "wind_speed": Item(14, _U8, "[mi_i]/h", none=_NO_U8),
    "wind_speed_10min": Item(15, _U8, "[mi_i]/h", none=_NO_U8),
    "wind_direction": Item(16, _U16, "deg", none=frozenset({0, 0x7FFF, 0xFFFF})),
    **dict(_many("extra_temperature", 18, 7, Item(0, _U8, "[degF]", offset=_BYTE_F, none=_NO_U8))),
    **dict(_many("soil_temperature", 25, 4, Item(0, _U8, "[degF]", offset=_BYTE_F, none=_NO_U8))),
    **dict(_many("leaf_temperature", 29, 4, Item(0, _U8, "[degF]", offset=_BYTE_F, none=_NO_U8))),
    "outside_humidity": Item(33, _U8, "%", none=_NO_U8),
    **dict(_many("extra_humidity", 34, 7, Item(0, _U8, "%", none=_NO_U8))),
    "rain_rate": Item(41, _U16, "mm/h", none=_NO_U16, is_clicks=True),
    "uv_index": Item(43, _U8, "1", _TENTH, none=_NO_U8),
    "solar_radiation": Item(44, _U16, "W/m2", none=_NO_I16),
    "rain_storm": Item(46, _U16, "mm", is_clicks=True),
    "rain_day": Item(50, _U16, "mm", is_clicks=True),
    "rain_month": Item(52, _U16, "mm", is_clicks=True),
    "rain_year": Item(54, _U16, "mm", is_clicks=True),
    "evapotranspiration_day": Item(56, _U16, "[in_i]", _THOUSANDTH),
    "evapotranspiration_month": Item(58, _U16, "[in_i]", _HUNDREDTH),
    "evapotranspiration_year": Item(60, _U16, "[in_i]", _HUNDREDTH),
    # Centibar of tension: the matric potential without its sign, not water content.
    **dict(_many("soil_tension", 62, 4, Item(0, _U8, "kPa", none=_NO_U8))),
    **dict(_many("leaf_wetness", 66, 4, Item(0, _U8, "1", none=_NO_U8))),
    "console_voltage": Item(87, _U16, "V", Decimal(300) / 512 / 100),
}


def awake_length(buffer: bytes) -> int:
    """Tell how many bytes end with the sign that the console is awake; 0 while there is none."""
    return buffer.find(_AWAKE) + len(_AWAKE) if _AWAKE in buffer else 0


def loop_length(buffer: bytes) -> int:
    """Tell how many bytes end with a valid LOOP packet; 0 while there is none."""
    return next((at + LOOP_BYTES for at in _packets(buffer) if _is_sealed(buffer, at)), 0)


def parse_loop(reply: bytes, click_mm: Decimal | None) -> dict[str, Reading]:
    """Read the LOOP packet in a reply, by the names of LOOP_ITEMS, each in its item's unit.

    `click_mm` is what one tip of the rain collector is, where that is known. Raises SensorError for
    a refusal, ChecksumError for a damaged packet, FrameError for none.
    """
    if reply.strip(_AWAKE) in _REFUSALS:
        raise SensorError("refused by the console")
    packets = list(_packets(reply))
    for at in packets:
        if _is_sealed(reply, at):
            return _read(reply[at : at + LOOP_BYTES], click_mm)
    if packets:
        raise ChecksumError("the CRC does not belong to the packet")
    raise FrameError(f"no LOOP packet in {reply[:16].hex(' ')}")


def collector_length(buffer: bytes) -> int:
    """Tell how many bytes end with the acknowledged, valid set-up byte; 0 while there is none."""
    return next((at + _COLLECTOR_BYTES for at in _collectors(buffer)), 0)


def parse_collector(reply: bytes) -> Decimal:
    """Read from the set-up byte how much rain, in mm, one tip of the collector is."""
    for at in _collectors(reply):
        kind = reply[at] & 0x30
        if kind in _CLICKS_MM:
            return _CLICKS_MM[kind]
        raise SensorError(NO_COLLECTOR)
    raise FrameError(f"no set-up byte in {reply[:16].hex(' ')}")


def version_length(buffer: bytes) -> int:
    """Tell how many bytes end with the firmware version; 0 while there is none."""
    return len(buffer) if buffer.count(_AWAKE) >= 3 else 0


def parse_version(reply: bytes) -> str:
    """Read the firmware version, such as 3.15, from the answer to NVER."""
    parts = [part for part in reply.split(_AWAKE) if part]
    if len(parts) != 2 or parts[0] != b"OK" or not parts[1].replace(b".", b"").isdigit():
        raise FrameError(f"no version in {reply[:16]!r}")
    return parts[1].decode("ascii")


def _packets(buffer: bytes) -> Iterator[int]:
    """Find where packets of the kind LOOP1 may begin that are there in full."""
    at = buffer.find(_HEAD)
    while 0 <= at <= len(buffer) - LOOP_BYTES:
        if buffer[at + _TYPE_AT] == _LOOP1:
            yield at
        at = buffer.find(_HEAD, at + 1)


def _is_sealed(buffer: bytes, at: int) -> bool:
    return crc16_ccitt(buffer[at : at + LOOP_BYTES]) == 0


def _collectors(buffer: bytes) -> Iterator[int]:
    """Find where a byte and its CRC stand right behind an ACK."""
    at = buffer.find(ACK)
    while 0 <= at < len(buffer) - _COLLECTOR_BYTES:
        if crc16_ccitt(buffer[at + 1 : at + 1 + _COLLECTOR_BYTES]) == 0:
            yield at + 1
        at = buffer.find(ACK, at + 1)


def _read(packet: bytes, click_mm: Decimal | None) -> dict[str, Reading]:
    readings = {name: _value(packet, name, item, click_mm) for name, item in LOOP_ITEMS.items()}
    if readings["wind_speed"].value == 0 and readings["wind_direction"].value is None:
        readings["wind_direction"] = Reading("wind_direction", None, CALM)
    return readings


def _value(packet: bytes, name: str, item: Item, click_mm: Decimal | None) -> Reading:
    (raw,) = struct.unpack_from(item.format, packet, item.at)
    if raw in item.none:
        return Reading(name, None, NO_VALUE)
    if not item.is_clicks:
        return Reading(name, raw * item.scale + item.offset)
    return Reading(name, None, NO_COLLECTOR) if click_mm is None else Reading(name, raw * click_mm)
