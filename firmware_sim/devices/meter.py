"""METER Group sensors: TEROS in the soil, ATMOS 41 above it."""

from collections.abc import Callable, Sequence

from firmware_sim.devices.base import Setup
from firmware_sim.devices.quantities import DEFAULT_DEPTH_M, eastward, northward
from firmware_sim.devices.sdi12 import Quiet, value_text
from firmware_sim.world import Conditions

_COMPROMISED = "-9999"  # TEROS 11/12 manual, error codes
_DROP_MM = 0.017  # ATMOS 41: one counted drop
_DDI_CRC_START, _DDI_POLYNOMIAL = 0xFC, 0x9C


def power_up_text(texts: Sequence[str], kind: str) -> bytes:
    """Write what METER sensors send at power-up (integrator guide, DDI serial).

    TAB, values, CR, type, then a checksum and a CRC of six bits as printable characters.
    """
    body = f"\t{' '.join(text.removeprefix('+') for text in texts)}\r{kind}".encode("ascii")
    body += bytes([sum(body) % 64 + 32])
    crc = _DDI_CRC_START
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ _DDI_POLYNOMIAL if crc & 0x80 else crc << 1) & 0xFF
    return body + bytes([(crc >> 2) + 48])


class Teros12:
    """Soil water as calibrated counts, temperature and bulk conductivity."""

    identity = "METER   TER12 400"
    kind = "g"  # in the string at power-up
    measure_s = 0.35
    positions: tuple[int, ...] = (1, 2, 3)

    def __init__(self, setup: Setup) -> None:
        """Bury it at its depth."""
        self.sets: dict[str, tuple[int, ...]] = {"M": self.positions}
        self._setup = setup
        self._depth_m = DEFAULT_DEPTH_M if setup.depth_m is None else setup.depth_m

    def read(self, positions: Sequence[int], now: float) -> list[str]:
        """Measure; counts follow from the manual's line for mineral soils (4.1), turned round."""
        soil = self._setup.surroundings.soil(now, self._depth_m, self._setup.spot)
        counts = None if soil.water is None else (soil.water + 0.6956) / 3.879e-4
        values = (_print(counts, 2), _print(soil.temperature_c, 1), _print(soil.ec_uscm, 0))
        return [values[position - 1] for position in positions]

    def power_up(self, now: float) -> bytes:
        """Say its values by DDI serial, as at every power-up."""
        return power_up_text(self.read(self.positions, now), self.kind)


class Teros11(Teros12):
    """The same without conductivity."""

    identity = "METER   TER11 400"
    kind = "h"
    positions = (1, 2)


class Atmos41(Quiet):
    """An all-in-one weather station; rain and lightning are those since the last measurement."""

    identity = "METER   ATM41 412"
    measure_s = 0.9

    def __init__(self, setup: Setup) -> None:
        """Mount it; it counts from its first measurement."""
        whole = tuple(range(1, 19))
        self.sets: dict[str, tuple[int, ...]] = {
            "M": whole[:9],
            "M1": whole[9:],
            "C": whole,
            "R0": whole,
        }
        self._setup = setup
        self._drops: int | None = None
        self._strikes: int | None = None

    def read(self, positions: Sequence[int], now: float) -> list[str]:
        """Measure; the order is that of the integrator guide."""
        conditions = self._setup.surroundings.conditions(now, self._setup.spot)
        return [self._value(position, conditions) for position in positions]

    def _value(self, position: int, conditions: Conditions) -> str:
        if position == 2:
            return self._rain(conditions)
        if position == 3:
            return self._lightning(conditions)
        read, decimals = _ATMOS[position]
        return _print(read(conditions), decimals)

    def _rain(self, conditions: Conditions) -> str:
        """Count drops; reading takes them away, so whoever reads twice loses the rain between."""
        if conditions.rain_total_mm is None:
            return _COMPROMISED
        drops = int(conditions.rain_total_mm / _DROP_MM + 1e-6)
        before = drops if self._drops is None else self._drops
        self._drops = drops
        return _print((drops - before) * _DROP_MM, 3)

    def _lightning(self, conditions: Conditions) -> str:
        if conditions.lightning_total is None:
            return _COMPROMISED
        before = conditions.lightning_total if self._strikes is None else self._strikes
        self._strikes = conditions.lightning_total
        return _print(conditions.lightning_total - before, 0)


def _print(value: float | None, decimals: int) -> str:
    return _COMPROMISED if value is None else value_text(value, decimals)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _direction(conditions: Conditions) -> float | None:
    direction = conditions.wind_direction_deg
    return None if direction is None else round(direction, 1) % 360.0


_ATMOS: dict[int, tuple[Callable[[Conditions], float | None], int]] = {
    1: (lambda c: c.solar_wm2, 0),
    4: (lambda c: c.lightning_km, 0),
    5: (lambda c: c.wind_speed_ms, 2),
    6: (_direction, 1),
    7: (lambda c: c.wind_gust_ms, 2),
    8: (lambda c: c.air_temperature_c, 1),
    9: (lambda c: c.vapour_pressure_kpa, 2),
    10: (lambda c: _scaled(c.pressure_hpa, 0.1), 2),
    11: (lambda c: _scaled(c.relative_humidity_pct, 0.01), 3),
    12: (lambda c: c.air_temperature_c, 1),
    13: (lambda _: 0.4, 1),  # a mast is never quite upright
    14: (lambda _: -0.7, 1),
    15: (lambda _: 0.0, 0),  # compass: always null
    16: (northward, 2),
    17: (eastward, 2),
    18: (lambda c: c.wind_gust_ms, 2),
}
