"""NMEA 0183 sentences MWV (wind) and XDR (transducers), as readings in the catalogue's units.

Keys are `MWV.angle`, `MWV.speed` and `XDR.<type>.<id>`. Empty fields and status V are missing.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from gateway.codecs.lines import checked_text, from_dollar, parse_number
from gateway.errors import FrameError
from gateway.readings import Reading
from wire.errors import ContractError
from wire.units import convert

NO_VALUE = "no value"
INVALID = "status V"

# Address field: two characters of talker and three of formatter (NMEA 0183, 5.3.3).
_SENTENCE = re.compile(r"\$[A-Z0-9]{2}([A-Z]{3}),(.*)")
_MWV_FIELDS = 5
_QUADRUPLE = 4

_KMH_PER_MPH = Decimal("1.609344")  # the international mile
# Unit letter -> (factor to a unit we know, UCUM code).
_SPEED = {
    "M": (Decimal(1), "m/s"),
    "K": (Decimal(1), "km/h"),
    "N": (Decimal(1), "[kn_i]"),
    "S": (_KMH_PER_MPH, "km/h"),
}
# Transducer type -> its unit letters. H for hPa is Vaisala's.
_TRANSDUCER = {
    "C": {"C": (Decimal(1), "Cel"), "K": (Decimal(1), "K")},
    "H": {"P": (Decimal(1), "%")},
    "P": {"P": (Decimal(1), "Pa"), "B": (Decimal(1), "bar"), "H": (Decimal(1), "hPa")},
    "A": {"D": (Decimal(1), "deg")},
    "S": _SPEED,
    "U": {"V": (Decimal(1), "V")},
}


def decode(line: bytes, units: Mapping[str, str]) -> list[Reading]:
    """Read one line. `units` maps the keys that are wanted to the UCUM unit they are wanted in.

    A good sentence of another kind gives an empty list; a damaged line raises FrameError.
    """
    text = checked_text(from_dollar(line))
    found = _SENTENCE.fullmatch(text)
    if not found:
        return _unknown(text)
    reader = _READERS.get(found[1])
    if reader is None:
        return []
    return [reading for reading in reader(found[2].split(","), units) if reading.key in units]


def _unknown(text: str) -> list[Reading]:
    """Pass over a proprietary sentence, which starts `$P`."""
    if not text.startswith("$P"):
        raise FrameError(f"not an NMEA 0183 sentence: {text[:80]!r}")
    return []


def _mwv(fields: list[str], units: Mapping[str, str]) -> Iterator[Reading]:
    """Read angle, reference (R, T), speed, unit, status (A valid, V not)."""
    if len(fields) != _MWV_FIELDS:
        raise FrameError(f"MWV has {_MWV_FIELDS} fields, not {len(fields)}")
    angle, _, speed, letter, status = fields
    if status != "A":
        yield Reading("MWV.angle", None, INVALID)
        yield Reading("MWV.speed", None, INVALID)
        return
    yield _reading("MWV.angle", angle, (Decimal(1), "deg"), units)
    yield _reading("MWV.speed", speed, _SPEED.get(letter), units)


def _xdr(fields: list[str], units: Mapping[str, str]) -> Iterator[Reading]:
    """Read quadruples of type, value, unit, id."""
    if len(fields) % _QUADRUPLE:
        raise FrameError(f"XDR has groups of {_QUADRUPLE} fields, not {len(fields)} fields")
    for start in range(0, len(fields), _QUADRUPLE):
        kind, value, letter, name = fields[start : start + _QUADRUPLE]
        yield _reading(f"XDR.{kind}.{name}", value, _TRANSDUCER.get(kind, {}).get(letter), units)


_READERS: dict[str, Callable[[list[str], Mapping[str, str]], Iterator[Reading]]] = {
    "MWV": _mwv,
    "XDR": _xdr,
}


def _reading(
    key: str, text: str, given: tuple[Decimal, str] | None, units: Mapping[str, str]
) -> Reading:
    """Read one field into the unit wanted for its key; what nobody wants is not looked at."""
    wanted = units.get(key)
    if wanted is None or not text:
        return Reading(key, None, NO_VALUE)
    value = parse_number(text)
    if given is None:
        return Reading(key, None, "unknown unit")
    factor, unit = given
    if unit == wanted and factor == 1:
        return Reading(key, value)
    try:
        return Reading(key, convert(value * factor, unit, wanted))
    except ContractError:
        return Reading(key, None, "unit does not fit")
