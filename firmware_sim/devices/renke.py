"""Renke RS-FSXCS weather transmitter: the registers that the catalogue leaves out."""

from bisect import bisect_right

from firmware_sim.devices.modbus import Measured, ModbusDevice

_BEAUFORT_FROM_MS = (0.3, 1.6, 3.4, 5.5, 8.0, 10.8, 13.9, 17.2, 20.8, 24.5, 28.5, 32.7)
_FORCE, _SECTOR, _HUNDRED_LUX = 0x01F5, 0x01F6, 0x0200


class WeatherTransmitter(ModbusDevice):
    """Adds wind force, the eighth of the compass and light in hundreds of lux."""

    def more_words(self, measured: dict[str, Measured]) -> dict[int, int]:
        """Derive them from the other registers, as the instrument does."""
        return {
            _FORCE: bisect_right(_BEAUFORT_FROM_MS, float(measured["wind_speed"].value)),
            _SECTOR: int((measured["wind_direction"].value + 22) // 45) % 8,
            _HUNDRED_LUX: int(measured["illuminance"].value // 100),
        }
