"""What a watch waits for: levels with deadbands, delays, the share of good samples, a season."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

from server.rollup.days import require_zone

YEAR_ROUND = frozenset(range(1, 13))
HOUR_MS = 3_600_000
ALWAYS_MS = 2**62  # later than any instant; its negative is earlier

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# Years the calendar of Python can step through, an edge on either side.
_FIRST_MS = -62_000_000_000_000
_LAST_MS = 253_000_000_000_000


class Side(StrEnum):
    """On which side of its threshold a level is."""

    BELOW = "below"
    ABOVE = "above"


class Severity(IntEnum):
    """How bad it is; the level of a watch is one of these, 0 when nothing is."""

    NORMAL = 0
    NOTICE = 1
    WARNING = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True)
class Level:
    """One latch: entered at or beyond `threshold`, left past `leave`; both in the series' unit."""

    severity: Severity
    threshold: float
    leave: float


@dataclass(frozen=True, slots=True)
class Season:
    """The months of a year (1 to 12), in a time zone, in which a rule holds."""

    months: frozenset[int]
    zone: str

    def holds(self, time_ms: int) -> bool:
        """Tell whether an instant is in season."""
        return self._local(time_ms).month in self.months

    def span(self, time_ms: int) -> tuple[int, int]:
        """Give the stretch (from, until) about an instant in which `holds` stays the same."""
        if self.months >= YEAR_ROUND or not self.months:
            return -ALWAYS_MS, ALWAYS_MS
        held = self.holds(time_ms)
        local = self._local(time_ms)
        first = month = local.year * 12 + local.month - 1
        while (month % 12 + 1 in self.months) == held:
            month += 1
        while ((first - 1) % 12 + 1 in self.months) == held:
            first -= 1
        return self._start(first), self._start(month)

    def _local(self, time_ms: int) -> datetime:
        bounded = min(max(time_ms, _FIRST_MS), _LAST_MS)
        return (_EPOCH + bounded * _MILLISECOND).astimezone(require_zone(self.zone))

    def _start(self, month: int) -> int:
        """Give the first instant of a month, counted from year 0."""
        first = datetime(month // 12, month % 12 + 1, 1, tzinfo=require_zone(self.zone))
        return (first.astimezone(UTC) - _EPOCH) // _MILLISECOND


@dataclass(frozen=True, slots=True)
class Condition:
    """A rule as it applies to one series; `server.alerts.rules` makes and checks it.

    Levels are nested: the more severe, the further their thresholds lie beyond, and none is left
    later than a milder one. `interval_ms` is the series' own (0: irregular, every share is whole).
    A gap longer than `silence_ms` breaks a run.
    """

    side: Side
    levels: tuple[Level, ...]
    interval_ms: int
    silence_ms: int
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    min_share: float = 0.75
    season: Season | None = None

    def is_beyond(self, level: Level, value: float) -> bool:
        """Tell whether a value is at or beyond a level's threshold."""
        return value <= level.threshold if self.side is Side.BELOW else value >= level.threshold

    def is_past_leave(self, level: Level, value: float) -> bool:
        """Tell whether a value is back past a level's deadband."""
        return value > level.leave if self.side is Side.BELOW else value < level.leave

    def in_season(self, time_ms: int) -> bool:
        """Tell whether the rule holds at an instant."""
        return self.season is None or self.season.holds(time_ms)
