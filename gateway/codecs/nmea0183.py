"""NMEA 0183 sentences of weather stations, as readings in the catalogue's units.

MWV (wind), XDR (transducers) and MDA (meteorological composite). Keys: `MWV.angle` and `MWV.speed`
of any sentence, `MWV.R.angle` … of those relative to the instrument's mark, `MWV.T.angle` … of
those relative to north; `XDR.<type>.<id>`; `MDA.pressure` and the other names of _MDA; of a
satellite receiver `GGA.satellites`. Empty fields and status V are missing.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from gateway.codecs.lines import checked_text, from_dollar, parse_number
from gateway.errors import FrameError
from gateway.readings import Reading
from wire.errors import ContractError
from wire.units import convert

NO_VALUE = "no value"
INVALID = "status V"
UNKNOWN_UNIT = "unknown unit"
OTHER_DIMENSION = "unit does not fit"

# Address field: two characters of talker and three of formatter (NMEA 0183, 5.3.3).
_SENTENCE = re.compile(r"\$[A-Z0-9]{2}([A-Z]{3}),(.*)")
_MWV_FIELDS = 5
_MDA_FIELDS = 20
_GGA_SATELLITES = 6
_QUADRUPLE = 4
_GENERIC = "G"

# Unit letter -> the UCUM codes it may stand for; the one that fits what is wanted is meant.
_Letters = Mapping[str, tuple[str, ...]]

_SPEED: _Letters = {
    "M": ("m/s",),
    "K": ("km/h",),
    "N": ("[kn_i]",),
    "S": ("[mi_i]/h",),
}
_ANGLE: _Letters = {"D": ("deg",), "T": ("deg",), "M": ("deg",)}
_TEMPERATURE: _Letters = {"C": ("Cel",), "K": ("K",), "F": ("[degF]",)}
_PRESSURE: _Letters = {
    "P": ("Pa",),
    "B": ("bar",),
    "H": ("hPa",),
    "M": ("mm[Hg]",),
    "I": ("[in_i'Hg]",),
}
# Transducer type -> its letters. H, M and I of pressure, and all of S, V, R and Z, are Vaisala's
# (WXT520 manual M210906EN, NMEA 0183 chapter): rain in mm and hail in hits share a letter.
_TRANSDUCERS: Mapping[str, _Letters] = {
    "C": _TEMPERATURE,
    "H": {"P": ("%",)},
    "P": _PRESSURE,
    "A": {"D": ("deg",)},
    "D": {"M": ("m",)},
    "S": _SPEED,
    "V": {"M": ("mm", "{count}/cm2"), "I": ("[in_i]",), "H": ("{count}/cm2",)},
    "R": {"M": ("mm/h", "{count}/(cm2.h)"), "I": ("[in_i]/h",), "H": ("{count}/(cm2.h)",)},
    "Z": {"S": ("s",), "s": ("s",)},
    # N, W and F tell the state of the heating whose voltage it is.
    "U": {"V": ("V",), "N": ("V",), "W": ("V",), "F": ("V",)},
    "I": {"A": ("A",)},
    "F": {"H": ("Hz",)},
    _GENERIC: {"V": ("V",), "P": ("%",), "C": ("Cel",), "D": ("deg",)},
}
# Key -> where its value is (the field after it is the letter), in the order of preference.
_MDA: Mapping[str, tuple[tuple[int, _Letters], ...]] = {
    "MDA.pressure": ((2, _PRESSURE), (0, _PRESSURE)),
    "MDA.air_temperature": ((4, _TEMPERATURE),),
    "MDA.water_temperature": ((6, _TEMPERATURE),),
    "MDA.dew_point": ((10, _TEMPERATURE),),
    "MDA.direction_true": ((12, _ANGLE),),
    "MDA.direction_magnetic": ((14, _ANGLE),),
    "MDA.speed": ((18, _SPEED), (16, _SPEED)),
}
_MDA_HUMIDITY = ("MDA.relative_humidity", 8)  # per cent, without a letter


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
    """Read angle, reference (R, T), speed, unit, status (A valid, anything else not)."""
    if len(fields) != _MWV_FIELDS:
        raise FrameError(f"MWV has {_MWV_FIELDS} fields, not {len(fields)}")
    angle, reference, speed, letter, status = fields
    for name in ("MWV", f"MWV.{reference}"):
        if status != "A":
            yield Reading(f"{name}.angle", None, INVALID)
            yield Reading(f"{name}.speed", None, INVALID)
        else:
            yield _reading(f"{name}.angle", angle, ("deg",), units)
            yield _reading(f"{name}.speed", speed, _SPEED.get(letter, ()), units)


def _xdr(fields: list[str], units: Mapping[str, str]) -> Iterator[Reading]:
    """Read quadruples of type, value, unit, id."""
    if len(fields) % _QUADRUPLE:
        raise FrameError(f"XDR has groups of {_QUADRUPLE} fields, not {len(fields)} fields")
    for start in range(0, len(fields), _QUADRUPLE):
        kind, value, letter, name = fields[start : start + _QUADRUPLE]
        key = f"XDR.{kind}.{name}"
        given = _TRANSDUCERS.get(kind, {}).get(letter, ())
        if kind == _GENERIC and not letter:
            given = (units.get(key, ""),)  # the catalogue knows what this station means by it
        yield _reading(key, value, given, units)


def _mda(fields: list[str], units: Mapping[str, str]) -> Iterator[Reading]:
    """Read the composite: pairs of value and unit, and the humidity."""
    if len(fields) != _MDA_FIELDS:
        raise FrameError(f"MDA has {_MDA_FIELDS} fields, not {len(fields)}")
    for key, places in _MDA.items():
        place, letters = next((one for one in places if fields[one[0]]), places[0])
        yield _reading(key, fields[place], letters.get(fields[place + 1], ()), units)
    key, place = _MDA_HUMIDITY
    yield _reading(key, fields[place], ("%",), units)


def _gga(fields: list[str], units: Mapping[str, str]) -> Iterator[Reading]:
    """Read how many satellites are in use; the position is the thing's own, by its settings."""
    if len(fields) > _GGA_SATELLITES:
        yield _reading("GGA.satellites", fields[_GGA_SATELLITES], ("{count}",), units)


_READERS: dict[str, Callable[[list[str], Mapping[str, str]], Iterator[Reading]]] = {
    "MWV": _mwv,
    "XDR": _xdr,
    "MDA": _mda,
    "GGA": _gga,
}


def _reading(key: str, text: str, given: tuple[str, ...], units: Mapping[str, str]) -> Reading:
    """Read one field into the unit wanted for its key; what nobody wants is not looked at."""
    wanted = units.get(key)
    if wanted is None or not text:
        return Reading(key, None, NO_VALUE)
    value = parse_number(text)
    if wanted in given:
        return Reading(key, value)
    for code in given:
        try:
            return Reading(key, convert(value, code, wanted))
        except ContractError:
            continue
    return Reading(key, None, OTHER_DIMENSION if given else UNKNOWN_UNIT)
