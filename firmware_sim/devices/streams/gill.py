"""Gill WindSonic: `<STX>Q,229,002.74,M,00,<ETX>16`, once a second or when it is asked.

Source: WindSonic manual 1405-PS-0019 issue 28, sections 9 and 11.
"""

from collections.abc import Mapping
from decimal import Decimal

from firmware_sim.devices.base import Answer, Send, Setup
from firmware_sim.devices.streams.asked import Message, by_key, by_property
from firmware_sim.devices.talker import xor_text
from firmware_sim.faults import FaultKind

_FASTEST_CALM_MS = 0.05  # setting K50: below it there is no direction
_ANSWERS_AFTER_S = 0.13
_ENABLE, _DISABLE = "?", "!"


class WindSonic:
    """Polar format, continuous."""

    def __init__(self, setup: Setup) -> None:
        """Mount it; the node letter is its address."""
        self.setup = setup
        self._node = setup.address or "Q"

    def message(self, now: float) -> Message:
        """Measure and print; a blocked path is status 04 and no wind."""
        air = self.setup.surroundings.conditions(now, self.setup.spot)
        speed, direction = air.wind_speed_ms, air.wind_direction_deg
        if speed is None or direction is None or self.setup.faults.struck(FaultKind.AILS, now):
            failed = "both axes failed"
            return Message(f"{self._node},,,M,04,", {}, {"speed": failed, "direction": failed})
        text = f"{speed:06.2f}"
        if speed < _FASTEST_CALM_MS:
            line, told = f"{self._node},,{text},M,00,", {"direction": "calm"}
            return Message(line, {"speed": Decimal(text)}, told)
        whole = round(direction) % 360
        values = {"speed": Decimal(text), "direction": Decimal(whole)}
        return Message(f"{self._node},{whole:03d},{text},M,00,", values)

    def values(self, second: int) -> Mapping[str, Decimal | None]:
        """Give the values of one second."""
        message = self.message(float(second))
        return {**message.values, **dict.fromkeys(message.reasons)}

    def say(self, second: int) -> list[Send]:
        """Give the line of one second."""
        message = self.message(float(second))
        return [Send(0.0, framed(message.text), by_key(self.setup, message))]


class PolledWindSonic(WindSonic):
    """Polar format, polled: its letter asks, once `?` has made it wait for that."""

    def __init__(self, setup: Setup) -> None:
        """Power it up: it does not wait for polls yet."""
        super().__init__(setup)
        self._waits = False

    def observe(self, now: float) -> Answer:
        """Measure."""
        return by_property(self.setup, [self.message(now)])

    def hear(self, data: bytes, now: float) -> list[Send]:
        """Take commands of one character."""
        sends: list[Send] = []
        for character in data.decode("latin-1"):
            if character in (_ENABLE, _DISABLE):
                self._waits = character == _ENABLE
            elif character == self._node and self._waits:
                message = self.message(now)
                answer = by_property(self.setup, [message])
                sends.append(Send(_ANSWERS_AFTER_S, framed(message.text), answer))
        return sends


def framed(body: str) -> bytes:
    """Put a message between STX and ETX, its checksum behind."""
    return f"\x02{body}\x03{xor_text(body.encode('ascii'))}\r\n".encode("ascii")
