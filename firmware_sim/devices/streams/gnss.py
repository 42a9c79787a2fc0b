"""A satellite receiver that talks NMEA 0183: each second one RMC, one ZDA and one GGA.

Its time is the simulation's own. As long as it "ails" it has no fix, and says so.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from firmware_sim.devices.base import Answer, Send, Setup
from firmware_sim.devices.nmea0183 import sentence
from firmware_sim.faults import FaultKind

_POSITION = "4030.000,N,10854.000,E"
_SATELLITES = 9
_NO_FIX = "no value in the line"


class Receiver:
    """Time and position, once a second."""

    def __init__(self, setup: Setup) -> None:
        """Give it a view of the sky."""
        self.setup = setup

    def values(self, second: int) -> Mapping[str, Decimal | None]:
        """Give the numbers of one second by field key."""
        return {"GGA.satellites": Decimal(_SATELLITES) if self._has_fix(second) else None}

    def say(self, second: int) -> list[Send]:
        """Give the three lines of one second."""
        now = datetime.fromtimestamp(second, UTC)
        time = f"{now:%H%M%S}.00"
        if self._has_fix(second):
            rmc = f"GNRMC,{time},A,{_POSITION},0.02,,{now:%d%m%y},,,A"
            gga = f"GNGGA,{time},{_POSITION},1,{_SATELLITES:02d},0.9,1046.0,M,-30.0,M,,"
        else:
            rmc = f"GNRMC,{time},V,,,,,,,{now:%d%m%y},,,N"
            gga = f"GNGGA,{time},,,,,0,,99.9,,M,,M,,"
        return [
            Send(0.0, sentence(rmc)),
            Send(0.0, sentence(f"GNZDA,{time},{now:%d,%m,%Y},00,00")),
            Send(0.0, sentence(gga), self._answer(second)),
        ]

    def _has_fix(self, second: int) -> bool:
        return self.setup.faults.struck(FaultKind.AILS, float(second)) is None

    def _answer(self, second: int) -> Answer:
        found = self.values(second)
        return Answer(
            self.setup.name,
            "line",
            {key: value for key, value in found.items() if value is not None},
            {key: _NO_FIX for key, value in found.items() if value is None},
        )
