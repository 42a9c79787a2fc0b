"""Devices that keep a total: pulse counters of sand grains, and a trap on a load cell.

What they have counted depends on when they were switched on. A fault "restarts" in the scenario
switches them off and on again as it begins, which empties a trap.
"""

from math import pi, sin

from firmware_sim.devices.base import Setup
from firmware_sim.devices.modbus import Measured, ModbusDevice
from firmware_sim.faults import FaultKind
from wire.catalogue import Field, RegisterType

_PULSE_UJ = 2.0  # energy that makes one pulse
_GRAMS_PER_GRAIN = 2.2e-4  # 250 um quartz; its inlet is ten times that of a counter
_RANGES = {RegisterType.UINT16: 1 << 16, RegisterType.UINT32: 1 << 32}
_LONGEST_S = 86_400  # a counter that nobody has read for longer counts on from there
_DAY_S = 86_400.0
_DRIFT_G = 4.0
_SHAKEN_G = 1.5


class _Total:
    """Grains and their energy, second by second since power-up."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._until_s: int | None = None
        self._restarts_s = {int(at) for at in setup.faults.begins_at(FaultKind.RESTARTS)}
        self.grains = 0
        self.energy_uj = 0.0

    def count_to(self, now: float) -> None:
        """Go on counting."""
        second = int(now)
        first = second if self._until_s is None else max(self._until_s, second - _LONGEST_S)
        for at in range(first, second):
            if at in self._restarts_s:
                self.grains, self.energy_uj = 0, 0.0
            seen = self._setup.surroundings.conditions(float(at), self._setup.spot)
            self.grains += seen.grains or 0
            self.energy_uj += seen.grain_energy_uj or 0.0
        self._until_s = second


class PulseCounter(ModbusDevice):
    """Totals in as many bits as its registers have: they wrap."""

    def __init__(self, setup: Setup) -> None:
        """Power it up: all is nought."""
        super().__init__(setup)
        self._total = _Total(setup)

    def measure(self, now: float) -> dict[str, Measured]:
        """Read the totals as they are now."""
        self._total.count_to(now)
        return {field.property: self._read_total(field) for field in self.setup.model.field}

    def _read_total(self, field: Field) -> Measured:
        is_energy = "pulses" in field.property
        total = int(self._total.energy_uj / _PULSE_UJ) if is_energy else self._total.grains
        return self.laid(field, total % _RANGES[field.type])


class SandTrap(ModbusDevice):
    """What lies in the trap, and a zero that drifts over the day; a restart empties it."""

    def __init__(self, setup: Setup) -> None:
        """Put it up empty."""
        super().__init__(setup)
        self._total = _Total(setup)

    def measure(self, now: float) -> dict[str, Measured]:
        """Weigh."""
        self._total.count_to(now)
        grams = self._total.grains * _GRAMS_PER_GRAIN + _DRIFT_G * sin(2.0 * pi * now / _DAY_S)
        grams += _SHAKEN_G * sin(2.1 * now)  # the wind takes hold of it
        return {
            field.property: self.laid(field, round(grams / float(field.scale)))
            for field in self.setup.model.field
        }
