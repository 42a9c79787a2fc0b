"""Quiet hours and days as they are where a person lives. Pure; the clock is changed twice a year.

A time of day that the change leaves out counts as the instant of the change; of one that comes
twice the first counts (PEP 495).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY_MINUTES = 1440
_WEEK_DAYS = 7


@dataclass(frozen=True, slots=True)
class Quiet:
    """From and until which minute of the day nobody is to be woken; past midnight is fine."""

    from_minute: int
    until_minute: int

    def holds_at(self, minute: int) -> bool:
        """Tell whether it is quiet at a minute of the day; equal ends mean never."""
        if self.from_minute <= self.until_minute:
            return self.from_minute <= minute < self.until_minute
        return minute >= self.from_minute or minute < self.until_minute


def zone_of(name: str) -> ZoneInfo:
    """Give a time zone; UTC for a name that this computer does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def quiet_until_ms(now_ms: int, zone: str, quiet: Quiet | None) -> int:
    """Give when somebody may be told what came now: now, or when the quiet hours end."""
    there = zone_of(zone)
    local = _local(now_ms, there)
    if quiet is None or not quiet.holds_at(local.hour * 60 + local.minute):
        return now_ms
    end = _instant(local.date(), quiet.until_minute, there)
    if end <= now_ms:
        end = _instant(local.date() + timedelta(days=1), quiet.until_minute, there)
    return end


def day_start_ms(now_ms: int, zone: str) -> int:
    """Give when the day of an instant began there."""
    there = zone_of(zone)
    return _instant(_local(now_ms, there).date(), 0, there)


def last_due_ms(now_ms: int, zone: str, minute: int, weekday: int | None = None) -> int:
    """Give the last time, not after now, that a minute of the day came; of a weekday (Monday 0)."""
    there = zone_of(zone)
    day = _local(now_ms, there).date()
    if weekday is not None:
        day -= timedelta(days=(day.weekday() - weekday) % _WEEK_DAYS)
    due = _instant(day, minute, there)
    back = timedelta(days=1 if weekday is None else _WEEK_DAYS)
    return due if due <= now_ms else _instant(day - back, minute, there)


def _local(time_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(zone)


def _instant(day: date, minute: int, zone: ZoneInfo) -> int:
    """Give when a minute of a day is, in milliseconds UTC."""
    at = datetime.combine(day, time(minute // 60, minute % 60), zone)
    # What the change of the clock leaves out: PEP 495 reads it by the offset of before, which lies
    # after the change by as much as it lies after the gap's begin.
    back = at.astimezone(UTC).astimezone(zone)
    if (back.hour, back.minute) != (at.hour, at.minute):
        at = _change_before(at.astimezone(UTC), zone)
    return round(at.timestamp()) * 1000


def _change_before(after: datetime, zone: ZoneInfo) -> datetime:
    """Find the last change of the clock before an instant, to the second."""
    wanted = after.astimezone(zone).utcoffset()
    low, high = after - timedelta(hours=24), after
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == wanted:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)
