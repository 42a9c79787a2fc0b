"""Whether figures keep their limits; what is missing breaks its own. Pure."""

from collections.abc import Mapping


def under(told: Mapping[str, float], at_least: Mapping[str, float]) -> list[str]:
    """Say which figures are too low."""
    return [
        f"{key} {told.get(key, 0):g} is under {least:g}"
        for key, least in at_least.items()
        if not told.get(key, 0) >= least
    ]


def over(told: Mapping[str, float], at_most: Mapping[str, float]) -> list[str]:
    """Say which figures are too high."""
    return [
        f"{key} {told.get(key, float('inf')):g} is over {most:g}"
        for key, most in at_most.items()
        if not told.get(key, float("inf")) <= most
    ]
