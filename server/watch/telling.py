"""What of a record is to be told, and how soon. Pure.

What is told goes from the level that was told last to the one that is: so nobody hears of a
recovery from what they never heard of, and of a flurry in one batch only where it led.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from server.alerts.condition import Severity
from server.alerts.kinds import Kind
from server.alerts.machine import Change


class Mode(StrEnum):
    """How soon a notice is told: at once, or with the next digest."""

    IMMEDIATE = "immediate"
    DIGEST = "digest"


class Reason(StrEnum):
    """Why a notice is written."""

    NEW = "new"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a watch: the level, when, and whether nothing may be told of it now."""

    level: int
    at_ms: int | None
    is_held: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A transition, as far as telling goes; `is_late`: it corrects what was on record."""

    kind: Change
    level_to: int
    at_ms: int
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Telling:
    """What was told afterwards, and how that was: `mode` is None where nobody is told anything.

    `step` is the index of what is told of; None: of how it stands, which is a correction.
    """

    told: Told
    mode: Mode | None = None
    reason: Reason = Reason.NEW
    step: int | None = None


def tell(kind: Kind, told: Told, steps: Sequence[Step], level: int, now_ms: int) -> Telling:
    """Say what is to be told of steps in order of time, recorded at once; `level` is that of now.

    The steps are those that are new; where others were taken out there may be none.
    """
    last = steps[-1] if steps else None
    if last is not None and last.kind is Change.ENDED and level == Severity.NORMAL:
        return _silently(told, level, now_ms)
    if told.is_held:
        return Telling(told)
    if level == told.level:
        return _flurry(kind, told, steps, now_ms)
    if level < told.level and not kind.tells_recovery:
        return _silently(told, level, now_ms)
    after = Told(level, now_ms, is_held=False)
    if last is None or last.level_to != level or last.is_late:
        at = len(steps) - 1 if last is not None and last.level_to == level else None
        return Telling(after, Mode.DIGEST, Reason.CORRECTION, at)
    is_fresh = last.at_ms >= now_ms - kind.fresh_ms
    mode = Mode.IMMEDIATE if is_fresh else Mode.DIGEST
    return Telling(after, mode, Reason.NEW, len(steps) - 1)


def _silently(told: Told, level: int, now_ms: int) -> Telling:
    """Take a level as told without a word."""
    return Telling(Told(level, now_ms, told.is_held) if level != told.level else told)


def _flurry(kind: Kind, told: Told, steps: Sequence[Step], now_ms: int) -> Telling:
    """Have a digest mention what came and went, if it was worse than what was told.

    Not what was long before anybody watched for it.
    """
    worst = max(range(len(steps)), key=lambda at: steps[at].level_to, default=None)
    if worst is None or steps[worst].level_to <= told.level:
        return Telling(told)
    if steps[worst].is_late:
        return Telling(told, Mode.DIGEST, Reason.CORRECTION, worst)
    is_fresh = steps[worst].at_ms >= now_ms - kind.fresh_ms
    return Telling(told, Mode.DIGEST, Reason.NEW, worst) if is_fresh else Telling(told)
