"""How much may be sent today, and at what hours. Pure: it is told the time and what was sent.

The day is the UTC day. A clock can be wrong and be set, and a gateway can be off for the night, so
a new day's budget is given (a) when midnight is passed by the clock's running, 12 h after the last
one at the earliest, (b) at the first trusted look after a start of the machine, if that is on a
later day, (c) after 25 h of running in any case. A clock that is set to another day renames the day
and gives nothing.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import msgspec

DAY_MS = 86_400_000
_MINUTE_MS = 60_000
_DAY_MINUTES = 1440
# A clock that is set to just before midnight again and again gives two budgets a day at most.
_SHORTEST_MS = DAY_MS // 2
# Longer than a day, so that a clock that runs slow does not get two budgets at its midnight.
_LONGEST_MS = DAY_MS + 3_600_000
# Set by less than this, a clock has been corrected; by more, it was wrong about the day.
_JUMP_MS = 600_000

USED_UP = "the day's data allowance is used up"
OFF_HOURS = "outside the hours for sending"


class Usage(msgspec.Struct, frozen=True):
    """What was used of a day's budget, in bytes: kept across restarts.

    `day` counts UTC days since the Unix epoch, None before the clock was ever trusted. `ran_ms` is
    how long the gateway has run on this budget. `boot`, `mono_ms` and `wall_ms` are of the last
    look at a trusted clock.
    """

    used: int = 0
    ran_ms: int = 0
    day: int | None = None
    boot: str = ""
    mono_ms: int = 0
    wall_ms: int = 0


@dataclass(frozen=True, slots=True)
class Instant:
    """The time as the gateway knows it; `wall_ms` is None while the clock is not trusted."""

    boot: str
    mono_ms: int
    wall_ms: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a link may carry: bytes a day (0: any), and when, in spans of minutes of the UTC day.

    A span does not include its end, and may go over midnight; without spans any time will do.
    """

    daily_bytes: int = 0
    hours: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing may be sent now: why, and until when (ms UTC, None while the clock is unknown)."""

    reason: str
    until_ms: int | None


def renewed(usage: Usage, now: Instant, ran_ms: int) -> Usage:
    """Carry the usage on to now, `ran_ms` of running later; begin anew when a day has passed."""
    usage = msgspec.structs.replace(usage, ran_ms=usage.ran_ms + ran_ms)
    if now.wall_ms is None:
        # The next trusted look then names the day, and does not begin it once more.
        over = usage.ran_ms >= _LONGEST_MS
        return msgspec.structs.replace(usage, used=0, ran_ms=0, day=None) if over else usage
    today = now.wall_ms // DAY_MS
    same_boot = now.boot == usage.boot
    was_set = same_boot and _differ(usage, now.mono_ms, now.wall_ms)
    later = usage.day is not None and today > usage.day and not was_set
    soon = same_boot and usage.ran_ms < _SHORTEST_MS
    if usage.ran_ms >= _LONGEST_MS or (later and not soon):
        usage = Usage(day=today)
    elif usage.day is None or was_set or not same_boot:
        usage = msgspec.structs.replace(usage, day=today)
    return msgspec.structs.replace(usage, boot=now.boot, mono_ms=now.mono_ms, wall_ms=now.wall_ms)


def _differ(usage: Usage, mono_ms: int, wall_ms: int) -> bool:
    """Tell whether the wall clock has gone another way than the monotonic one: it was set."""
    return abs((wall_ms - usage.wall_ms) - (mono_ms - usage.mono_ms)) > _JUMP_MS


def history_share(plan: Plan, usage: Usage, now: Instant) -> float:
    """Tell which part of the day's sending time has passed, 0 to 1.

    History may use that part of the budget, less what was used: so the part for the rest of the
    day is always there for live readings.
    """
    if now.wall_ms is None:
        return min(1.0, usage.ran_ms / DAY_MS)
    minute, into_minute_ms = divmod(now.wall_ms % DAY_MS, _MINUTE_MS)
    minutes = _open_minutes(plan.hours)
    passed_ms = bisect_left(minutes, minute) * _MINUTE_MS
    passed_ms += into_minute_ms if _is_open(plan, minute) else 0
    return passed_ms / (len(minutes) * _MINUTE_MS)


def rest(plan: Plan, usage: Usage, now: Instant, keep_back: int) -> Rest | None:
    """Tell why nothing may be sent, or None; `keep_back` bytes are left for saying goodbye.

    Hours hold only once the clock is trusted: it may need the link to become so.
    """
    if plan.daily_bytes and usage.used + keep_back >= plan.daily_bytes:
        if now.wall_ms is None:
            return Rest(USED_UP, None)
        return Rest(USED_UP, _next_open(plan, _next_budget(usage, now.wall_ms)))
    if now.wall_ms is not None and not _is_open(plan, now.wall_ms // _MINUTE_MS):
        return Rest(OFF_HOURS, _next_open(plan, now.wall_ms))
    return None


def _next_budget(usage: Usage, wall_ms: int) -> int:
    """Give the instant of the next budget, should the clock just run on."""
    day = wall_ms // DAY_MS if usage.day is None else usage.day
    began_ms = wall_ms - usage.ran_ms
    return min(max((day + 1) * DAY_MS, began_ms + _SHORTEST_MS), began_ms + _LONGEST_MS)


def _is_open(plan: Plan, minute: int) -> bool:
    minute_ms = minute * _MINUTE_MS
    return _next_open(plan, minute_ms) == minute_ms


def _next_open(plan: Plan, wall_ms: int) -> int:
    """Give the first instant from `wall_ms` on that is among the hours."""
    day, minute = divmod(wall_ms // _MINUTE_MS, _DAY_MINUTES)
    minutes = _open_minutes(plan.hours)
    place = bisect_left(minutes, minute)
    found = minutes[place] if place < len(minutes) else minutes[0] + _DAY_MINUTES
    return wall_ms if found == minute else (day * _DAY_MINUTES + found) * _MINUTE_MS


@cache
def _open_minutes(hours: tuple[tuple[int, int], ...]) -> Sequence[int]:
    """List the minutes of the day at which sending is allowed, in order."""
    if not hours:
        return range(_DAY_MINUTES)
    every = {minute % _DAY_MINUTES for span in hours for minute in _minutes_of(span)}
    return sorted(every)


def _minutes_of(span: tuple[int, int]) -> range:
    first, end = span
    return range(first, end if first < end else end + _DAY_MINUTES)
