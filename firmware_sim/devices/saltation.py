"""A saltation counter that streams one ASCII line a second: grains and their kinetic energy.

The line is described in the catalogue entry `models/saltation-counter.toml`.
"""

from collections.abc import Mapping
from decimal import Decimal

from firmware_sim.devices.base import Answer, Send, Setup
from firmware_sim.devices.talker import xor_text

_NUMBER_WRAPS = 65_536
_MOST_GRAINS = 999_999  # six digits in the line
_MOST_ENERGY_UJ = 9_999_999.9


class SaltationCounter:
    """Counts the grains of each second; its line number shows lost lines and restarts."""

    def __init__(self, setup: Setup) -> None:
        """Power it up: the first line is number 0."""
        self.setup = setup
        self._number = 0
        self._unit = setup.address or "1"

    def values(self, second: int) -> Mapping[str, Decimal | None]:
        """Give the numbers of one second by field key."""
        seen = self.setup.surroundings.conditions(float(second), self.setup.spot)
        if seen.grains is None or seen.grain_energy_uj is None:
            return {"count": None, "energy": None}
        energy = min(_MOST_ENERGY_UJ, seen.grain_energy_uj)
        return {
            "count": Decimal(min(_MOST_GRAINS, seen.grains)),
            "energy": Decimal(f"{energy:.1f}"),
        }

    def say(self, second: int) -> list[Send]:
        """Give the line of one second; where nothing is known about sand it stays silent."""
        values = self.values(second)
        known = {key: value for key, value in values.items() if value is not None}
        if len(known) < len(values):
            return []
        body = f"SALT,{self._unit},{self._number},{known['count']},{known['energy']}"
        self._number = (self._number + 1) % _NUMBER_WRAPS
        line = f"${body}*{xor_text(body.encode('ascii'))}\r\n".encode("ascii")
        return [Send(0.0, line, Answer(self.setup.name, "line", known))]
