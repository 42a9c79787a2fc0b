"""How long a chunk's interval should be: so that the newest one fits into memory. Pure."""

from dataclasses import dataclass

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

STEPS_MS = (
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    3 * DAY_MS,
    7 * DAY_MS,
    14 * DAY_MS,
    30 * DAY_MS,
    90 * DAY_MS,
)
SHORTEST_MS = STEPS_MS[0]
# What the first migration sets, while nobody knows yet how much will come.
FIRST_MS = 30 * DAY_MS

# The newest chunk with its index may take this share of the memory: what is written stays in it,
# and room is left for what is read. TimescaleDB's own advice.
_SHARE = 0.25
# An interval is left as it is unless its chunk would be a quarter larger than that, or a longer
# one's would take no more than two thirds: rates go up and down.
_TOO_LARGE = 1.25
_SPARE = 1.5


@dataclass(frozen=True, slots=True)
class Measured:
    """How fast observations come, what one takes with its index, and the database's memory."""

    rows_per_s: float
    row_bytes: float
    memory_bytes: int


def choose(measured: Measured, current_ms: int) -> int:
    """Give the interval (ms) for a database that has `current_ms` by now."""
    bytes_per_ms = measured.rows_per_s * measured.row_bytes / 1000
    if bytes_per_ms <= 0:
        return current_ms
    fitting_ms = _SHARE * measured.memory_bytes / bytes_per_ms
    if current_ms > _TOO_LARGE * fitting_ms:
        return _longest(fitting_ms)
    return max(current_ms, _longest(fitting_ms / _SPARE))


def words(interval_ms: int) -> str:
    """Write an interval for people, such as 7 days."""
    if interval_ms % DAY_MS:
        return f"{interval_ms / HOUR_MS:g} hours"
    days = interval_ms // DAY_MS
    return "1 day" if days == 1 else f"{days} days"


def _longest(limit_ms: float) -> int:
    """Give the longest step within a limit, or the shortest of all."""
    return max((step for step in STEPS_MS if step <= limit_ms), default=SHORTEST_MS)
