"""Whether a message is still true and still wanted when it comes to be sent. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """A change that is to be told, and its watch as it is now.

    `is_told`: whether the person was told that it had begun; None: nothing was to be told.
    `is_again`: it was told before, and is to be told again.
    """

    level_from: int
    level_to: int
    level_now: int
    is_superseded: bool = False
    is_retired: bool = False
    is_shelved: bool = False
    is_acked: bool = False
    is_again: bool = False
    is_told: bool | None = None


def why_not(told: Told) -> str:
    """Say why a message would lie, or tell what nobody wants to hear; "" for one that may go."""
    reasons = {
        "late readings took it back": told.is_superseded,
        "its rule no longer applies": told.is_retired,
        "somebody shelved it": told.is_shelved,
        "somebody takes care of it": told.is_again and told.is_acked,
        **_passed(told),
    }
    return next((why for why, holds in reasons.items() if holds), "")


def _passed(told: Told) -> dict[str, bool]:
    if told.level_to >= told.level_from:
        return {"it has passed meanwhile": told.level_now < told.level_to}
    return {
        "it is back meanwhile": told.level_now > told.level_to,
        "it was never told that it had begun": told.is_told is False,
    }


@dataclass(frozen=True, slots=True)
class Earlier:
    """A message of before about the same watch, and whether it went out."""

    level_to: int
    went_out: bool


def was_told(level_to: int, earlier: Iterable[Earlier]) -> bool | None:
    """Tell whether somebody heard of what is now over; None: there was nothing to hear.

    The messages come newest first; those before the last end that went out count no more.
    """
    is_any = False
    for one in earlier:
        if one.went_out:
            return True if one.level_to > level_to else (False if is_any else None)
        is_any = True
    return False if is_any else None
