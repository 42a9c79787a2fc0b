"""Units of thresholds: conversion of values and of differences between them."""

from decimal import Decimal

from wire import units

# UCUM's codes of time beside the second, which series do not come in.
_SECONDS = {"s": Decimal(1), "min": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}


def convert(value: Decimal, source: str, target: str, *, is_difference: bool = False) -> Decimal:
    """Convert a threshold; a difference of 1 Cel is one of 1.8 [degF], not of 33.8.

    Raises ContractError for units that we do not know or of unlike dimensions.
    """
    if source in _SECONDS and target in _SECONDS:
        return value * _SECONDS[source] / _SECONDS[target]
    if source == target:
        return value
    whole = units.convert(value, source, target)
    if not is_difference:
        return whole
    return value * units.unit(source).factor / units.unit(target).factor


def require_unit(code: str) -> None:
    """Raise ContractError for a unit we do not know."""
    if code not in _SECONDS:
        units.unit(code)


def dimension(code: str) -> str:
    """Name what a unit measures; raises ContractError for one we do not know."""
    return "time" if code in _SECONDS else units.unit(code).dimension


def alike(code: str) -> list[str]:
    """List the codes of a unit's dimension, for a remedy."""
    own = dimension(code)
    same = [one.code for one in units.UNITS.values() if one.dimension == own]
    return sorted({*same, *(_SECONDS if own == "time" else ())})
