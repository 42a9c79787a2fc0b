"""Numbers, units, instants and places as a language writes them."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_skeleton, format_timedelta
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit

from server.words.facts import AlertFact, Place
from server.words.languages import locale_of, say
from server.words.phrases import N_

# UCUM codes that CLDR has a name for, the factor to what it counts in, and decimals shown.
_UNITS: dict[str, tuple[str, float, str]] = {
    "Cel": ("temperature-celsius", 1, "0.#"),
    "m/s": ("speed-meter-per-second", 1, "0.#"),
    "m": ("length-centimeter", 100, "0.#"),
    "mm": ("length-millimeter", 1, "0.#"),
    "V": ("electric-volt", 1, "0.0#"),
    "hPa": ("pressure-hectopascal", 1, "0.#"),
}
# The rest as people write them.
_SYMBOLS = {"1": "", "ug/m3": "µg/m³", "uS/cm": "µS/cm", "W/m2": "W/m²", "{count}": ""}
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_Granularity = Literal["day", "hour", "minute", "second"]
_STEPS: tuple[tuple[_Granularity, int], ...] = (
    ("day", 86_400),
    ("hour", 3600),
    ("minute", 60),
    ("second", 1),
)
# Below so many of a unit the next smaller one is used: "30 hours" says more than "1 day".
_FEW = 2
# Short dates of Mongolian number months as the Romans did.
_DAYS = {"mn": "MMMEd"}


def number(language: str, value: float, pattern: str = "0.###") -> str:
    """Write a number."""
    return format_decimal(value, pattern, locale=locale_of(language))


def percent(language: str, share: float) -> str:
    """Write a share (0 to 1) as whole per cent, but never 100 of what is not whole."""
    whole = int(share * 100) if share < 1 else round(share * 100)
    return format_percent(whole / 100, locale=locale_of(language))


def duration(language: str, seconds: float) -> str:
    """Write how long something lasts, never longer than it was: "7 hours", "3 days"."""
    unit, length = next(
        ((unit, length) for unit, length in _STEPS if seconds >= _FEW * length), _STEPS[-1]
    )
    whole = timedelta(seconds=int(seconds // length) * length)
    # A threshold this large keeps the unit that was chosen.
    return format_timedelta(whole, granularity=unit, threshold=1000, locale=locale_of(language))


def instant(language: str, time_ms: int, zone: str) -> str:
    """Write an instant in a site's time: weekday, day and month, hour and minute."""
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    local, locale = utc.astimezone(_zone(zone)), locale_of(language)
    day = format_skeleton(_DAYS.get(language, "MEd"), local, locale=locale)
    return f"{day} {local:%H:%M}"


def zone_name(zone: str) -> str:
    """Name a time zone as it is put behind instants; one that is not known counts as UTC."""
    return _zone(zone).key


def quantity(language: str, fact: AlertFact, value: float | None) -> str:
    """Write a value of what a fact is about; nothing of one that is not there."""
    if value is None:
        return ""
    if fact.kind == "sensor_fault":
        return say(language, N_("%(share)s of the readings"), share=percent(language, value))
    if fact.property == "relative_extractable_water" and fact.unit == "1":
        # Soil may be drier than the wilting point: nothing is left then, not less.
        share = percent(language, max(0.0, value))
        return say(language, N_("%(share)s of the water that plants can use"), share=share)
    if fact.unit == "m3/m3":
        points = number(language, value * 100, "0.#")
        return say(language, N_("%(percent)s %% water by volume"), percent=points)
    if fact.unit in _SECONDS:
        return duration(language, max(0.0, value) * _SECONDS[fact.unit])
    return with_unit(language, value, fact.unit)


def limit(language: str, fact: AlertFact) -> str:
    """Write what a value is compared with, as short as it can be beside that value."""
    if fact.threshold is not None and (
        fact.property == "relative_extractable_water" or fact.kind == "sensor_fault"
    ):
        return percent(language, fact.threshold)
    return quantity(language, fact, fact.threshold)


def with_unit(language: str, value: float, unit: str) -> str:
    """Write a number with its unit (UCUM)."""
    if unit in _UNITS:
        name, factor, pattern = _UNITS[unit]
        locale = locale_of(language)
        return format_unit(value * factor, name, "short", format=pattern, locale=locale)
    return f"{number(language, value)} {_SYMBOLS.get(unit, unit)}".rstrip()


def spot(language: str, place: Place) -> str:
    """Say where at a site: "Dune 1, 30 cm deep"; a gateway, where no station is meant."""
    if not place.thing:
        return say(language, N_("gateway %(gateway)s"), gateway=place.gateway)
    if place.depth_m is not None:
        depth = with_unit(language, place.depth_m, "m")
        return say(language, N_("%(thing)s, %(depth)s deep"), thing=place.thing, depth=depth)
    return place.thing


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
