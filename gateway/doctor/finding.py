"""What a check has found, and what a person can do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is: only `failed` makes the doctor fail."""

    FINE = "fine"
    LOOK = "look"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: about what, how it is, and the remedy where there is one."""

    about: str
    verdict: Verdict
    said: str
    remedy: str = ""


def fine(about: str, said: str) -> Finding:
    """Say that all is well."""
    return Finding(about, Verdict.FINE, said)


def look(about: str, said: str, remedy: str) -> Finding:
    """Say that it works, and may not for long, or could not be found out."""
    return Finding(about, Verdict.LOOK, said, remedy)


def failed(about: str, said: str, remedy: str) -> Finding:
    """Say that readings are not taken, kept, sent or dated as they should be."""
    return Finding(about, Verdict.FAILED, said, remedy)
