"""The surroundings as a real station recorded them: NOAA's USCRN daily product as a CSV file.

One row lasts `row_s` seconds from `start_s` on, and after the last comes the first again. What the
station did not measure is None here, and the devices answer it with their error value.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import floor
from pathlib import Path

from firmware_sim.world import Conditions, Soil
from wire.errors import ConfigError

_DEPTHS_CM = (5, 10, 20, 50, 100)
_STATION = "station"
_AIR, _HUMIDITY, _RAIN, _SOLAR = "t_daily_avg", "rh_daily_avg", "p_daily_calc", "solarad_daily"
_WATER = {depth: f"soil_moisture_{depth}_daily" for depth in _DEPTHS_CM}
_WARMTH = {depth: f"soil_temp_{depth}_daily" for depth in _DEPTHS_CM}
_COLUMNS = (_STATION, _AIR, _HUMIDITY, _RAIN, _SOLAR, *_WATER.values(), *_WARMTH.values())
_WATT_PER_MEGAJOULE_A_DAY = 1e6 / 86_400.0


@dataclass(frozen=True, slots=True)
class _Day:
    """One row: degrees Celsius, %, mm, W/m2, m3/m3 and degrees by depth in cm."""

    air_c: float | None
    humidity_pct: float | None
    rain_mm: float | None
    solar_wm2: float | None
    water: Mapping[int, float | None]
    warmth_c: Mapping[int, float | None]


class ReplayWorld:
    """A station's record in place of a simulated site; the spot plays no part."""

    def __init__(self, path: Path, start_s: float, row_s: float, station: str = "") -> None:
        """Read the rows of a station (by default the file's first).

        Raises ConfigError when the file or the station is not there, or a column or number is not.
        """
        self._days = _read(path, station)
        self._start_s = start_s
        self._row_s = row_s
        self._rain_before = [0.0, *accumulate(day.rain_mm or 0.0 for day in self._days)]

    def conditions(self, time_s: float, spot: str = "") -> Conditions:
        """Give the row of this instant; rain falls evenly over its row."""
        del spot
        place = self._place(time_s)
        day = self._days[floor(place) % len(self._days)]
        return Conditions(
            air_temperature_c=day.air_c,
            relative_humidity_pct=day.humidity_pct,
            rain_total_mm=self._rain_total(day, place),
            solar_wm2=day.solar_wm2,
        )

    def soil(self, time_s: float, depth_m: float, spot: str = "") -> Soil:
        """Give the row of this instant at the recorded depth nearest to the one asked for."""
        del spot
        day = self._days[floor(self._place(time_s)) % len(self._days)]
        depth = min(_DEPTHS_CM, key=lambda one: abs(one - depth_m * 100.0))
        return Soil(day.water[depth], day.warmth_c[depth], None)

    def _place(self, time_s: float) -> float:
        """Count rows from the start; before it, the first row."""
        return max(0.0, (time_s - self._start_s) / self._row_s)

    def _rain_total(self, day: _Day, place: float) -> float | None:
        if day.rain_mm is None:
            return None
        cycle, row = divmod(floor(place), len(self._days))
        before = cycle * self._rain_before[-1] + self._rain_before[row]
        return before + (place - floor(place)) * day.rain_mm


def _read(path: Path, station: str) -> Sequence[_Day]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            _check_columns(path, rows.fieldnames or ())
            return _choose(path, list(rows), station)
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), "is no CSV file in UTF-8") from None


def _check_columns(path: Path, names: Sequence[str]) -> None:
    missing = [column for column in _COLUMNS if column not in names]
    if missing:
        raise ConfigError(
            str(path), f"is no USCRN daily file: these columns are missing: {', '.join(missing)}"
        )


def _choose(path: Path, rows: Sequence[Mapping[str, str]], station: str) -> Sequence[_Day]:
    if not rows:
        raise ConfigError(str(path), "has no rows")
    wanted = station or rows[0][_STATION]
    days = [
        _day(path, line, row) for line, row in enumerate(rows, start=2) if row[_STATION] == wanted
    ]
    if not days:
        known = ", ".join(f"'{name}'" for name in sorted({row[_STATION] for row in rows}))
        raise ConfigError(str(path), f"has no station '{station}'; there are {known}")
    return days


def _day(path: Path, line: int, row: Mapping[str, str]) -> _Day:
    def number(column: str) -> float | None:
        text = row[column]
        try:
            return float(text) if text else None
        except ValueError:
            raise ConfigError(str(path), f"'{text}' in {column} is no number", line) from None

    solar = number(_SOLAR)
    return _Day(
        air_c=number(_AIR),
        humidity_pct=number(_HUMIDITY),
        rain_mm=number(_RAIN),
        solar_wm2=None if solar is None else solar * _WATT_PER_MEGAJOULE_A_DAY,
        water={depth: number(column) for depth, column in _WATER.items()},
        warmth_c={depth: number(column) for depth, column in _WARMTH.items()},
    )
