"""The units we accept, as UCUM codes, and conversion between those of one dimension.

Source: UCUM essence 2.2. A value in SI base form is `value * factor + offset`; factors are exact
decimals, so that a converted decimal stays a decimal.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from wire.errors import ContractError


@dataclass(frozen=True, slots=True)
class Unit:
    """One UCUM code: how people print it and how it converts within its dimension."""

    code: str
    symbol: str
    dimension: str
    factor: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)


def _unit(code: str, symbol: str, dimension: str, factor: str = "1", offset: str = "0") -> Unit:
    return Unit(code, symbol, dimension, Decimal(factor), Decimal(offset))


_FIVE_NINTHS = "0.5555555555555555555555555556"

UNITS: dict[str, Unit] = {
    unit.code: unit
    for unit in (
        _unit("1", "", "ratio"),
        _unit("%", "%", "ratio", "0.01"),
        _unit("m3/m3", "m³/m³", "ratio"),
        _unit("{count}", "counts", "count"),
        _unit("{raw}", "raw", "raw"),
        _unit("Cel", "°C", "temperature", "1", "273.15"),
        _unit("K", "K", "temperature"),
        _unit("[degF]", "°F", "temperature", _FIVE_NINTHS, "255.3722222222222222222222222"),
        _unit("Pa", "Pa", "pressure"),
        _unit("hPa", "hPa", "pressure", "100"),
        _unit("kPa", "kPa", "pressure", "1000"),
        _unit("bar", "bar", "pressure", "100000"),
        _unit("mm[Hg]", "mmHg", "pressure", "133.322387415"),
        _unit("[in_i'Hg]", "inHg", "pressure", "3386.388640341"),
        _unit("m/s", "m/s", "speed"),
        _unit("km/h", "km/h", "speed", "0.2777777777777777777777777778"),
        _unit("[kn_i]", "kn", "speed", "0.5144444444444444444444444444"),
        _unit("[mi_i]/h", "mph", "speed", "0.44704"),
        _unit("[ft_i]/min", "ft/min", "speed", "0.00508"),
        _unit("mm/h", "mm/h", "speed", "2.777777777777777777777777778E-7"),
        _unit("[in_i]/h", "in/h", "speed", "0.000007055555555555555555555555556"),
        _unit("deg", "°", "angle"),
        _unit("m", "m", "length"),
        _unit("cm", "cm", "length", "0.01"),
        _unit("mm", "mm", "length", "0.001"),
        _unit("km", "km", "length", "1000"),
        _unit("[in_i]", "in", "length", "0.0254"),
        _unit("s", "s", "time"),
        _unit("us", "µs", "time", "0.000001"),
        _unit("Hz", "Hz", "frequency"),
        _unit("W/m2", "W/m²", "irradiance"),
        _unit("S/m", "S/m", "conductivity"),
        _unit("dS/m", "dS/m", "conductivity", "0.1"),
        _unit("uS/cm", "µS/cm", "conductivity", "0.0001"),
        _unit("lx", "lx", "illuminance"),
        _unit("dB", "dB", "sound level"),
        _unit("ug/m3", "µg/m³", "mass concentration"),
        _unit("[pH]", "pH", "acidity"),
        _unit("mg/kg", "mg/kg", "mass fraction"),
        _unit("g", "g", "mass"),
        _unit("{count}/cm2", "counts/cm²", "count density"),
        _unit("{count}/(cm2.h)", "counts/(cm²·h)", "count density rate"),
        _unit("J", "J", "energy"),
        _unit("uJ", "µJ", "energy", "0.000001"),
        _unit("V", "V", "voltage"),
        _unit("A", "A", "current"),
        _unit("MJ/(m2.d)", "MJ/(m²·d)", "daily irradiation"),
    )
}


def unit(code: str) -> Unit:
    """Look a UCUM code up; raises ContractError for one we do not know."""
    try:
        return UNITS[code]
    except KeyError:
        raise ContractError(f"unknown unit '{code}'") from None


def convert(value: Decimal, source: str, target: str) -> Decimal:
    """Convert between two units of one dimension; raises ContractError when they differ in it."""
    old, new = unit(source), unit(target)
    if old.dimension != new.dimension:
        raise ContractError(
            f"cannot convert {old.dimension} '{source}' to {new.dimension} '{target}'"
        )
    return (value * old.factor + old.offset - new.offset) / new.factor


@dataclass(frozen=True, slots=True)
class SenmlUnit:
    """A SenML unit name: one of it is `factor` of the UCUM code."""

    code: str
    factor: Fraction = Fraction(1)


# The SenML units registry (RFC 8428, 12.1) and its secondary units (RFC 8798), as far as we have
# the dimension. `%` is the registry's old name of the plain ratio, not percent.
SENML_UNITS: dict[str, SenmlUnit] = {
    "/": SenmlUnit("1"),
    "%": SenmlUnit("1"),
    "/100": SenmlUnit("1", Fraction(1, 100)),
    "/1000": SenmlUnit("1", Fraction(1, 1000)),
    "ppm": SenmlUnit("1", Fraction(1, 10**6)),
    "%RH": SenmlUnit("%"),
    "%EL": SenmlUnit("%"),
    "count": SenmlUnit("{count}"),
    "Cel": SenmlUnit("Cel"),
    "K": SenmlUnit("K"),
    "Pa": SenmlUnit("Pa"),
    "hPa": SenmlUnit("Pa", Fraction(100)),
    "m/s": SenmlUnit("m/s"),
    "km/h": SenmlUnit("m/s", Fraction(1000, 3600)),
    "m/h": SenmlUnit("m/s", Fraction(1, 3600)),
    "mm/h": SenmlUnit("m/s", Fraction(1, 3600 * 1000)),
    "deg": SenmlUnit("deg"),
    "m": SenmlUnit("m"),
    "mm": SenmlUnit("m", Fraction(1, 1000)),
    "cm": SenmlUnit("m", Fraction(1, 100)),
    "km": SenmlUnit("m", Fraction(1000)),
    "s": SenmlUnit("s"),
    "ms": SenmlUnit("s", Fraction(1, 1000)),
    "min": SenmlUnit("s", Fraction(60)),
    "h": SenmlUnit("s", Fraction(3600)),
    "W/m2": SenmlUnit("W/m2"),
    "S/m": SenmlUnit("S/m"),
    "lx": SenmlUnit("lx"),
    "dB": SenmlUnit("dB"),
    "Bspl": SenmlUnit("dB", Fraction(10)),
    "kg/m3": SenmlUnit("ug/m3", Fraction(10**9)),
    "ug/m3": SenmlUnit("ug/m3"),
    "pH": SenmlUnit("[pH]"),
    "kg": SenmlUnit("g", Fraction(1000)),
    "g": SenmlUnit("g"),
    "A": SenmlUnit("A"),
    "Hz": SenmlUnit("Hz"),
    "J": SenmlUnit("J"),
    "Wh": SenmlUnit("J", Fraction(3600)),
    "kWh": SenmlUnit("J", Fraction(3600 * 1000)),
    "V": SenmlUnit("V"),
    "mV": SenmlUnit("V", Fraction(1, 1000)),
}


def convert_senml(value: Decimal, name: str, target: str) -> Fraction:
    """Convert from a SenML unit to a UCUM code, exactly.

    Raises ContractError for a name or code that we do not know, or of another dimension.
    """
    source = SENML_UNITS.get(name)
    if source is None:
        raise ContractError(f"unknown SenML unit '{name[:40]}'")
    old, new = unit(source.code), unit(target)
    if old.dimension != new.dimension:
        raise ContractError(
            f"cannot convert {old.dimension} '{name}' to {new.dimension} '{target}'"
        )
    in_old = Fraction(value) * source.factor
    in_base = in_old * Fraction(old.factor) + Fraction(old.offset) - Fraction(new.offset)
    return in_base / Fraction(new.factor)
