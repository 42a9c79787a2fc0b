"""Which dates can be true at all. Pure."""

from datetime import UTC, datetime

# When this program was made: no reading of it can be older. To be moved on with each release.
_MADE = datetime(2026, 11, 1, tzinfo=UTC)
_LIFE_YEARS = 20

NOT_BEFORE_MS = int(_MADE.timestamp() * 1000)
NOT_AFTER_MS = int(_MADE.replace(year=_MADE.year + _LIFE_YEARS).timestamp() * 1000)


def is_plausible(utc_ms: int) -> bool:
    """Tell whether an instant can be now.

    A GNSS receiver whose week number has rolled over is 1024 weeks back, a real-time clock without
    its battery in 1970 or 2000.
    """
    return NOT_BEFORE_MS <= utc_ms < NOT_AFTER_MS
