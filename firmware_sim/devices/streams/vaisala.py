"""Vaisala WXT530 in its ASCII modes: polled or automatic, with or without the CRC.

Source: Vaisala WXT530 user guide M211840EN. `0R1` asks for wind, `0R2` for pressure, temperature
and humidity, `0R3` for precipitation, `0R5` for the supervisor; in lower case with a CRC on
question and answer.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from firmware_sim.devices.base import Answer, Send, Setup
from firmware_sim.devices.sdi12 import crc_text
from firmware_sim.devices.streams.asked import Message, by_key, by_property
from firmware_sim.faults import FaultKind

_ANSWERS_AFTER_S = 0.03
_SPEAKS_EVERY_S = 5
_LONGEST_COMMAND = 64
_COMMAND = re.compile(r"(?P<address>[0-9A-Za-z])(?P<kind>[Rr])(?P<set>[1235]?)(?P<crc>.{0,3})")
_GROUPS = {
    "1": ("Dn", "Dm", "Dx", "Sn", "Sm", "Sx"),
    "2": ("Ta", "Ua", "Pa"),
    "3": ("Rc", "Rd", "Ri", "Hc", "Hd", "Hi"),
    "5": ("Th", "Vh", "Vs", "Vr"),
}
# Key -> how it is printed, and its unit letter in the metric setting.
_PRINTED = {
    **dict.fromkeys(("Dn", "Dm", "Dx"), ("03.0f", "D")),
    **dict.fromkeys(("Sn", "Sm", "Sx"), (".1f", "M")),
    "Ta": (".1f", "C"),
    "Ua": (".1f", "P"),
    "Pa": (".1f", "H"),
    "Rc": (".2f", "M"),
    "Rd": (".0f", "s"),
    "Ri": (".1f", "M"),
    "Hc": (".1f", "M"),
    "Hd": (".0f", "s"),
    "Hi": (".1f", "M"),
    "Th": (".1f", "C"),
    "Vh": (".1f", "N"),
    "Vs": (".1f", "V"),
    "Vr": (".3f", "V"),
}
_INVALID = "#"


class _Transmitter:
    """The sensors behind the messages."""

    def __init__(self, setup: Setup) -> None:
        """Mount it; its rain counter starts with the world."""
        self.setup = setup
        self.address = setup.address or "0"

    def measured(self, now: float) -> Mapping[str, float | None]:
        """Give all values by key."""
        conditions = [
            self.setup.surroundings.conditions(now - back, self.setup.spot) for back in (0, 1, 2)
        ]
        air, speeds = conditions[0], [one.wind_speed_ms for one in conditions]
        known = [one for one in speeds if one is not None]
        direction = air.wind_direction_deg
        turned = None if direction is None else round(direction) % 360
        return {
            **dict.fromkeys(("Dn", "Dm", "Dx"), turned),
            "Sn": min(known, default=None),
            "Sm": speeds[0],
            "Sx": max(known, default=None),
            "Ta": air.air_temperature_c,
            "Ua": air.relative_humidity_pct,
            "Pa": air.pressure_hpa,
            "Rc": air.rain_total_mm,
            **dict.fromkeys(("Rd", "Ri", "Hc", "Hd", "Hi"), 0.0),
            "Th": air.air_temperature_c,
            "Vh": 0.0,
            "Vs": 12.1,
            "Vr": 3.503,
        }

    def message(self, number: str, now: float, *, sealed: bool) -> Message:
        """Print one group of values."""
        measured = self.measured(now)
        values: dict[str, Decimal] = {}
        reasons: dict[str, str] = {}
        parts = [f"{self.address}{'r' if sealed else 'R'}{number}"]
        ails = self.setup.faults.struck(FaultKind.AILS, now)
        for key in _GROUPS[number]:
            (form, letter), value = _PRINTED[key], measured[key]
            if value is None or (ails and number == "1"):
                parts.append(f"{key}={0:{form}}{_INVALID}")
                reasons[key] = "invalid"
                continue
            text = f"{value:{form}}"
            parts.append(f"{key}={text}{letter}")
            values[key] = Decimal(text) + 0
        text = ",".join(parts)
        return Message(text + (crc_text(text) if sealed else ""), values, reasons)


class PolledWxt(_Transmitter):
    """Answers what it is asked."""

    def __init__(self, setup: Setup) -> None:
        """Begin to listen."""
        super().__init__(setup)
        self._buffer = ""

    def observe(self, now: float) -> Answer:
        """Measure everything."""
        messages = [self.message(number, now, sealed=False) for number in _GROUPS]
        return by_property(self.setup, messages)

    def hear(self, data: bytes, now: float) -> list[Send]:
        """Take commands, which end at CR LF."""
        *commands, rest = (self._buffer + data.decode("latin-1")).split("\r\n")
        self._buffer = rest[-_LONGEST_COMMAND:]
        return [send for command in commands for send in self._obey(command, now)]

    def _obey(self, command: str, now: float) -> list[Send]:
        if command == "?":
            return [self._line(Message(self.address, {}))]
        if not command.startswith(self.address):
            return []
        found = _COMMAND.fullmatch(command)
        if not found or (found["kind"] == "R" and found["crc"]):
            return [self._line(Message(f"{self.address}TX,Unknown cmd error", {}))]
        sealed = found["kind"] == "r"
        if sealed and found["crc"] != crc_text(command[: -len(found["crc"])]):
            text = f"{self.address}tX,Use chksum {crc_text(command.removesuffix(found['crc']))}"
            return [self._line(Message(text + crc_text(text), {}))]
        numbers = [found["set"]] if found["set"] else list(_GROUPS)
        return [self._line(self.message(one, now, sealed=sealed)) for one in numbers]

    def _line(self, message: Message) -> Send:
        answer = by_property(self.setup, [message])
        carries = answer if answer.values or answer.reasons else None
        return Send(_ANSWERS_AFTER_S, f"{message.text}\r\n".encode("latin-1"), carries)


class AutomaticWxt(_Transmitter):
    """Sends all its messages by itself."""

    def __init__(self, setup: Setup, *, sealed: bool) -> None:
        """Choose whether its lines end with a CRC."""
        super().__init__(setup)
        self._sealed = sealed

    def values(self, second: int) -> Mapping[str, Decimal | None]:
        """Give the values of one second."""
        found: dict[str, Decimal | None] = {}
        for number in _GROUPS:
            message = self.message(number, float(second), sealed=self._sealed)
            told = by_key(self.setup, message)
            found |= {**told.values, **dict.fromkeys(told.reasons)}
        return found

    def say(self, second: int) -> list[Send]:
        """Give the lines of one second, if it is one of those at which it speaks."""
        if second % _SPEAKS_EVERY_S:
            return []
        messages = [self.message(one, float(second), sealed=self._sealed) for one in _GROUPS]
        return [
            Send(0.0, f"{one.text}\r\n".encode("ascii"), by_key(self.setup, one))
            for one in messages
        ]
