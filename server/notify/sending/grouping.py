"""When a message that is due may go: at once, with others of its group, after the night. Pure."""

from dataclasses import dataclass

from server.alerts.condition import Severity
from server.notify.sending.quiet_hours import Quiet, quiet_until_ms

# After the first of a group further ones are held for so long and go as one.
WINDOW_MS = 10 * 60_000


@dataclass(frozen=True, slots=True)
class Manner:
    """How a person wants to be told: when not, and how often a day at most."""

    zone: str
    quiet: Quiet | None
    wake_for_critical: bool
    limit_per_day: int


@dataclass(frozen=True, slots=True)
class Before:
    """What a person has been sent: the last of this group (None: never), and how many today."""

    group_ms: int | None = None
    today: int = 0


@dataclass(frozen=True, slots=True)
class Go:
    """It may go now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """It may go then, if it is still true."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class LeaveToDigest:
    """There has been enough today: the next digest tells it."""


Verdict = Go | Wait | LeaveToDigest


def decide(now_ms: int, level: int, manner: Manner, before: Before) -> Verdict:
    """Say what becomes of a message that is due, with all of its group that are."""
    wakes = level >= Severity.CRITICAL and manner.wake_for_critical
    until_ms = now_ms if wakes else quiet_until_ms(now_ms, manner.zone, manner.quiet)
    if before.group_ms is not None:
        until_ms = max(until_ms, before.group_ms + WINDOW_MS)
    if until_ms > now_ms:
        return Wait(until_ms)
    return LeaveToDigest() if before.today >= manner.limit_per_day else Go()
