"""How relative extractable water is computed from a series of water, as a formula. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from server.soil.ground import Ground
from wire.derive.formula import Formula

WATER = "vwc"
RELATIVE = "relative_extractable_water"
RELATIVE_UNIT = "1"

_TRANSFORM = "relative-water/1"
# What makes a fraction of water in a unit.
_INTO_FRACTION: Mapping[str, Formula | None] = {
    "m3/m3": None,
    "1": None,
    "%": Formula("percent/1"),
}


def relative_formula(calibration: Formula | None, unit: str, ground: Ground) -> Formula | None:
    """Say how it is computed; None from a unit that is none of water.

    `calibration` is how the water itself is computed, None where it is measured; then the source is
    the same.
    """
    if unit not in _INTO_FRACTION:
        return None
    found = Formula(_TRANSFORM, parameters=ground.parameters)
    for before in (_INTO_FRACTION[unit], calibration):
        found = before.followed_by(found) if before else found
    return found


def in_ground(formula: Formula, ground: Ground) -> Formula:
    """Give the same formula for another soil."""
    parameters = ground.parameters if formula.transform == _TRANSFORM else formula.parameters
    then = in_ground(formula.then, ground) if formula.then else None
    return replace(formula, parameters=parameters, then=then)
