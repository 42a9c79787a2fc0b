"""Whether a message is still true and still wanted when it comes to be sent. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """A change that is to be told, and its watch as it is now; `change` is "" for a letter.

    `is_told`: what the person was told of this watch before it, if anything; None: nothing was to.
    """

    level_from: int
    level_to: int
    level_now: int
    is_superseded: bool = False
    is_retired: bool = False
    is_shelved: bool = False
    is_told: bool | None = None


def why_not(told: Told) -> str:
    """Say why a message would lie, or tell what nobody wants to hear; "" for one that may go."""
    if told.is_superseded:
        return "late readings took it back"
    if told.is_retired:
        return "its rule no longer applies"
    if told.is_shelved:
        return "somebody shelved it"
    if told.level_to >= told.level_from:
        return "it has passed meanwhile" if told.level_now < told.level_to else ""
    if told.level_now > told.level_to:
        return "it is back meanwhile"
    return "it was never told that it had begun" if told.is_told is False else ""
