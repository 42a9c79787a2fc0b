"""How a value is written for people: in which unit, with how many digits, and how old it is."""

from dataclasses import dataclass
from decimal import Decimal

from wire.errors import ContractError
from wire.properties import PROPERTIES
from wire.units import convert, unit

# Units that nobody reads in the field: agronomists say "12 % by volume".
_SHOWN_AS = {"m3/m3": ("%", "% vol")}
# Shares that are read in percent, though they may be below 0 and above 1.
_SHARES = {"relative_extractable_water"}

# Digits after the point, by UCUM code: about what an instrument resolves.
_DIGITS = {
    "%": 1,
    "Cel": 1,
    "K": 1,
    "hPa": 1,
    "kPa": 2,
    "Pa": 0,
    "bar": 3,
    "m/s": 1,
    "km/h": 1,
    "[kn_i]": 1,
    "deg": 0,
    "m": 3,
    "cm": 1,
    "mm": 1,
    "km": 1,
    "s": 0,
    "W/m2": 0,
    "S/m": 3,
    "dS/m": 2,
    "uS/cm": 0,
    "lx": 0,
    "dB": 1,
    "ug/m3": 0,
    "[pH]": 1,
    "mg/kg": 0,
    "{count}": 0,
    "1": 0,
    "{raw}": 1,
    "uJ": 1,
    "V": 2,
    "us": 3,
    "mm/h": 1,
    "{count}/cm2": 1,
    "{count}/(cm2.h)": 1,
    "g": 1,
}
_DEFAULT_DIGITS = 2
MINUS = "\N{MINUS SIGN}"
# Stands where there is no number.
DASH = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Display:
    """A shown value is `value * factor + offset`, with `digits` after the point."""

    symbol: str
    factor: float
    offset: float
    digits: int

    def shown(self, value: float) -> float:
        """Convert to the unit people read."""
        return value * self.factor + self.offset

    def number(self, value: float) -> str:
        """Write the converted value, without unit; never "-0"."""
        return signed(self.shown(value), self.digits)

    def text(self, value: float) -> str:
        """Write the converted value with its unit."""
        return f"{self.number(value)}{'' if self.symbol == '°' else ' '}{self.symbol}".strip()


def signed(value: float, digits: int) -> str:
    """Round and write with a true minus sign; what rounds to zero has no sign."""
    text = f"{value:.{digits}f}"
    if not text.startswith("-"):
        return text
    return MINUS + text[1:] if text.strip("-0.") else text[1:]


def display_for(property_key: str, code: str) -> Display:
    """Tell how values of a property, given in a UCUM unit, are shown: in the property's own unit.

    So one kind of thing reads alike whatever the instrument. What cannot be converted is shown as
    it stands.
    """
    known = PROPERTIES.get(property_key)
    read_in = known.unit if known else code
    try:
        if property_key in _SHARES:
            read_in = "%"
        target, symbol = _SHOWN_AS.get(read_in) or (read_in, unit(read_in).symbol)
        offset = convert(Decimal(0), code, target)
        factor = convert(Decimal(1), code, target) - offset
    except ContractError:
        return Display(code, 1.0, 0.0, _DEFAULT_DIGITS)
    return Display(symbol, float(factor), float(offset), _DIGITS.get(target, _DEFAULT_DIGITS))


def age(milliseconds: int) -> str:
    """Write an age as people say it, such as "4 s ago"."""
    seconds = max(0, milliseconds // 1000)
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        # Up to twice a unit, the smaller one says more: "90 s ago", "36 h ago".
        if seconds >= 2 * size:
            return f"{seconds // size} {name} ago"
    return f"{seconds} s ago" if seconds else "just now"
