"""Campbell SR50A on its serial port, measuring by itself.

It sends `<STX>33;1.838;194;11111;CC<CR><LF><ETX>`. Source: SR50A manual, RS-232/RS-485 data output
format.
"""

from collections.abc import Mapping
from decimal import Decimal
from math import sqrt

from firmware_sim.devices.base import Send, Setup
from firmware_sim.devices.streams.asked import Message, by_key
from firmware_sim.faults import FaultKind

DEFAULT_HEIGHT_M = 2.0
_GOOD_QUALITY, _POOREST_QUALITY = 160.0, 600.0
_NO_TARGET = "no echo"
_TESTS_PASSED = "11111"


class Sr50aSerial:
    """Distance to the sand, not corrected for the air's temperature, and the echo's quality."""

    def __init__(self, setup: Setup) -> None:
        """Hang it `height_m` above the surface that the world started with."""
        self.setup = setup
        self._address = setup.address or "33"
        self._height_m = DEFAULT_HEIGHT_M if setup.height_m is None else setup.height_m

    def message(self, now: float) -> Message:
        """Measure; without a target the distance is 0.000."""
        air = self.setup.surroundings.conditions(now, self.setup.spot)
        height, temperature = air.sand_height_m, air.air_temperature_c
        if height is None or temperature is None or self.setup.faults.struck(FaultKind.AILS, now):
            reasons = {"distance": _NO_TARGET, "quality": _NO_TARGET}
            return Message(f"{self._address};0.000;000;{_TESTS_PASSED};", {}, reasons)
        bare = (self._height_m - height) / sqrt((temperature + 273.15) / 273.15)
        quality = min(_POOREST_QUALITY, _GOOD_QUALITY + 6.0 * (air.wind_speed_ms or 0.0))
        distance, number = f"{bare:.3f}", f"{quality:03.0f}"
        return Message(
            f"{self._address};{distance};{number};{_TESTS_PASSED};",
            {"distance": Decimal(distance), "quality": Decimal(number)},
        )

    def values(self, second: int) -> Mapping[str, Decimal | None]:
        """Give the values of one second."""
        message = self.message(float(second))
        return {**message.values, **dict.fromkeys(message.reasons)}

    def say(self, second: int) -> list[Send]:
        """Give the string of one second."""
        message = self.message(float(second))
        return [Send(0.0, framed(message.text), by_key(self.setup, message))]


def framed(body: str) -> bytes:
    """Frame a string; its checksum counts every byte but its own two (two's complement)."""
    before, after = f"\x02{body}".encode("ascii"), b"\r\n\x03"
    total = 0
    for byte in before + after:
        total = (total + byte) % 256
    return before + f"{(256 - total) % 256:02X}".encode("ascii") + after
