"""A Davis Vantage Pro2 console with its outdoor and soil stations, on a serial port.

Source: Davis, Vantage serial communication reference manual v2.6. It sleeps when nobody talks to
it, wakes at a line feed, and answers LOOP with packets of 99 bytes. Shares nothing with the
gateway's codec.
"""

import struct
from collections.abc import Collection, Sequence
from decimal import Decimal

from firmware_sim.devices.base import Answer, Send, Setup, through_faults
from firmware_sim.devices.quantities import DEFAULT_DEPTH_M
from firmware_sim.faults import FaultKind

_ACK, _NAK = b"\x06", b"\x21"
_AWAKE = b"\n\r"
_SLEEPS_AFTER_S = 120.0
_WAKES_IN_S, _ANSWERS_AFTER_S, _PACKET_EVERY_S = 0.2, 0.03, 2.0
_LONGEST_COMMAND = 32
_SETUP_BITS = b"\x10"  # rain collector of 0.2 mm
_CLICK_MM = 0.2
_DASHED_U8, _DASHED_I16 = 0xFF, 0x7FFF
_DASHED = "no value"
_OWN = {"sea_level_pressure", "rain_total", "battery_voltage"}  # what the console itself has
# Sent in American units: of the converted value more than a tenth of the resolution means nothing.
_CONVERTED = {
    "air_temperature",
    "soil_temperature",
    "sea_level_pressure",
    "wind_speed",
    "wind_speed_10min",
}
_HPA_PER_INHG = Decimal("33.86388640341")
_WETTEST_VWC, _DRIEST_CB = 0.42, 200.0


def crc16(data: bytes) -> bytes:
    """Compute the CRC-CCITT, bit by bit, as it is sent: high byte first."""
    crc = 0
    for byte in data:
        for bit in range(8):
            is_set = bool(crc & 0x8000) ^ bool(byte << bit & 0x80)
            crc = (crc << 1 & 0xFFFF) ^ (0x1021 if is_set else 0)
    return struct.pack(">H", crc)


_ANSWERS = {
    b"": _AWAKE,
    b"EEBRD 2B 01": _ACK + _SETUP_BITS + crc16(_SETUP_BITS),
    b"NVER": b"\n\rOK\n\r3.15\n\r",
    b"TEST": b"\n\rTEST\n\r",
}


class DavisStation:
    """What the console shows of one gateway sensor: the outdoor station, or a soil channel."""

    def __init__(self, setup: Setup) -> None:
        """Mount the station, or bury the probe of channel `address` at its depth."""
        self.setup = setup
        is_soil = any("{address}" in (field.key or "") for field in setup.model.field)
        self._channel = int(setup.address) if is_soil else 0

    def observe(self, now: float) -> Answer:
        """Measure."""
        packet = bytearray(99)
        return self.fill(packet, now)

    def fill(self, packet: bytearray, now: float) -> Answer:
        """Put what is measured into a packet; gives what a gateway must read out of it."""
        raw = self._soil(packet, now) if self._channel else self._weather(packet, now)
        dashed: Collection[str] = ()
        if self.setup.faults.struck(FaultKind.AILS, now):
            self._dash(packet)
            dashed = raw.keys() - _OWN
        values: dict[str, Decimal] = {}
        reasons: dict[str, str] = {}
        for field in self.setup.model.field:
            if field.cumulative or field.property not in raw:
                continue
            if field.property in dashed:
                reasons[field.property] = _DASHED
                continue
            values[field.property] = value = raw[field.property]
            if field.property in _CONVERTED:
                step = field.resolution / 10
                values[field.property] = (value / step).quantize(Decimal(1)) * step
        return Answer(self.setup.name, "answer", values, reasons)

    def _dash(self, packet: bytearray) -> None:
        """Show dashes where a station's radio is not heard."""
        if self._channel:
            packet[24 + self._channel] = packet[61 + self._channel] = _DASHED_U8
            return
        struct.pack_into("<h", packet, 12, _DASHED_I16)
        packet[14] = packet[15] = packet[33] = packet[43] = _DASHED_U8
        struct.pack_into("<H", packet, 16, _DASHED_I16)
        struct.pack_into("<H", packet, 41, 0xFFFF)
        struct.pack_into("<H", packet, 44, _DASHED_I16)

    def _weather(self, packet: bytearray, now: float) -> dict[str, Decimal]:
        air = self.setup.surroundings.conditions(now, self.setup.spot)
        fahrenheit = round((_or_zero(air.air_temperature_c) * 1.8 + 32.0) * 10.0)
        mph = round(_or_zero(air.wind_speed_ms) / 0.44704)
        direction = round(_or_zero(air.wind_direction_deg)) % 360 or 360
        clicks = int(_or_zero(air.rain_total_mm) / _CLICK_MM + 1e-6)
        humidity, solar = round(_or_zero(air.relative_humidity_pct)), round(_or_zero(air.solar_wm2))
        milli_inhg = round(_or_zero(air.pressure_hpa) / float(_HPA_PER_INHG) * 1000.0)
        struct.pack_into("<H", packet, 7, milli_inhg)
        struct.pack_into("<h", packet, 12, fahrenheit)
        packet[14] = packet[15] = mph
        struct.pack_into("<H", packet, 16, direction)
        packet[33] = humidity
        packet[43] = uv = min(160, solar // 10)
        struct.pack_into("<H", packet, 44, solar)
        struct.pack_into("<H", packet, 54, clicks)
        struct.pack_into("<H", packet, 87, volts := 819)
        speed = Decimal(mph) * Decimal("0.44704")
        return {
            "air_temperature": _celsius(Decimal(fahrenheit) / 10),
            "relative_humidity": Decimal(humidity),
            "sea_level_pressure": Decimal(milli_inhg) / 1000 * _HPA_PER_INHG,
            "wind_speed": speed,
            "wind_speed_10min": speed,
            "wind_direction": Decimal(direction),
            "rain_total": clicks * Decimal("0.2"),
            "rain_rate": Decimal(0),
            "solar_radiation": Decimal(solar),
            "uv_index": Decimal(uv) / 10,
            "battery_voltage": Decimal(volts * 300) / 512 / 100,
        }

    def _soil(self, packet: bytearray, now: float) -> dict[str, Decimal]:
        depth = DEFAULT_DEPTH_M if self.setup.depth_m is None else self.setup.depth_m
        soil = self.setup.surroundings.soil(now, depth, self.setup.spot)
        dryness = 1.0 - _or_zero(soil.water) / _WETTEST_VWC
        tension = min(199, max(0, round(_DRIEST_CB * dryness**3)))
        fahrenheit = round(_or_zero(soil.temperature_c) * 1.8 + 32.0)
        packet[24 + self._channel] = fahrenheit + 90
        packet[61 + self._channel] = tension
        return {
            "soil_matric_potential": Decimal(-tension),
            "soil_temperature": _celsius(Decimal(fahrenheit)),
        }


class ConsoleBus:
    """The console's serial port."""

    def __init__(self, stations: Sequence[DavisStation]) -> None:
        """Switch it on; it sleeps until somebody wakes it."""
        self._stations = stations
        self._buffer = b""
        self._sleeps_at = 0.0

    def receive(self, data: bytes, now: float) -> list[Send]:
        """Take commands, which end at LF; an empty one wakes."""
        if self._stations[0].setup.faults.struck(FaultKind.ABSENT, now):
            return []
        *commands, rest = (self._buffer + data).split(b"\n")
        self._buffer = rest[-_LONGEST_COMMAND:]
        sends = [send for command in commands for send in self._obey(command.strip(), now)]
        return [through_faults(self._stations[0].setup, send, now) for send in sends]

    def wake_at(self, now: float) -> float | None:
        """Nothing comes unasked."""
        del now
        return None

    def wake(self, now: float) -> list[Send]:
        """Nothing comes unasked."""
        del now
        return []

    def _obey(self, command: bytes, now: float) -> list[Send]:
        was_asleep, self._sleeps_at = now >= self._sleeps_at, now + _SLEEPS_AFTER_S
        if was_asleep:
            deaf = self._stations[0].setup.faults.struck(FaultKind.DEAF_WHEN_IDLE, now)
            return [] if deaf else [Send(_WAKES_IN_S, _AWAKE)]
        if command.startswith(b"LOOP ") and command[5:].isdigit():
            return [Send(_ANSWERS_AFTER_S, _ACK), *self._packets(int(command[5:]), now)]
        return [Send(_ANSWERS_AFTER_S, _ANSWERS.get(command, _NAK))]

    def _packets(self, count: int, now: float) -> list[Send]:
        sends = []
        for number in range(min(count, 10)):
            delay_s = _ANSWERS_AFTER_S + number * _PACKET_EVERY_S
            packet = _blank()
            answers = [station.fill(packet, now + delay_s) for station in self._stations]
            body = bytes(packet[:97])
            sends.append(Send(delay_s, body + crc16(body), answers[0]))
            # Nothing more is sent; it tells what the packet says of the other stations.
            sends += [Send(delay_s, b"", answer) for answer in answers[1:]]
        return sends


def _blank() -> bytearray:
    """Make a packet in which no station has been heard."""
    packet = bytearray(99)
    packet[0:5] = b"LOO\x00\x00"
    struct.pack_into("<h", packet, 9, 713)
    packet[11] = 35
    packet[18:33] = bytes([_DASHED_U8]) * 15
    packet[34:41] = bytes([_DASHED_U8]) * 7
    packet[62:70] = bytes([_DASHED_U8]) * 8
    packet[95:97] = b"\n\r"
    return packet


def _or_zero(value: float | None) -> float:
    return 0.0 if value is None else value


def _celsius(fahrenheit: Decimal) -> Decimal:
    return (fahrenheit - 32) * 5 / 9
