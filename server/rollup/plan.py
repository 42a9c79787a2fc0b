"""What to compute next, and how much of it at once. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from server.rollup.marks import Level
from server.rollup.statistics import HOUR_MS

_MINUTE_MS = 60_000
# At least this long a mark waits, in ms: a backlog comes in many pieces, which would have the same
# bucket computed for each. A bucket that has not ended yet is computed anew only now and then.
_SETTLING_MS = {Level.HOUR: 20_000, Level.DAY: 10 * _MINUTE_MS}
_UNENDED_MS = {Level.HOUR: 10 * _MINUTE_MS, Level.DAY: 6 * HOUR_MS}
# A mark from so far ahead was made while the clock was wrong: it would wait until it is right.
_AHEAD_MS = 10 * _MINUTE_MS
# When a bucket has ended at the latest, after its start.
_LONGEST_MS = {Level.HOUR: HOUR_MS, Level.DAY: 26 * HOUR_MS}
# Starts computed in one transaction: within one chunk or two, and far from the server's limit of
# locks (max_locks_per_transaction, 64 a connection).
_MOST_STARTS = {Level.HOUR: 168, Level.DAY: 31}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A bucket of some series that is marked: since when (ms UTC), and by how many marks.

    Of very many marks not all are counted.
    """

    level: Level
    start_ms: int
    since_ms: int
    marks: int = 1


@dataclass(frozen=True, slots=True)
class Unit:
    """Buckets to compute in one transaction; starts are newest first."""

    level: Level
    starts: Sequence[int]


@dataclass(slots=True)
class Pace:
    """How many series' buckets to take at once, so that a transaction lasts about `aim_s`."""

    aim_s: float
    most: int = 50_000
    least: int = 50
    budget: dict[Level, int] = field(default_factory=lambda: {Level.HOUR: 1_000, Level.DAY: 100})

    def note(self, level: Level, buckets: int, took_s: float) -> None:
        """Learn from what so many buckets took; never more than twice as many the next time."""
        if not buckets:
            return
        fitting = int(buckets * self.aim_s / max(took_s, 1e-6))
        wanted = min(fitting, 2 * self.budget[level])
        self.budget[level] = max(self.least, min(self.most, wanted))


def is_ripe(one: Waiting, now_ms: int) -> bool:
    """Tell whether a bucket has waited long enough to be computed."""
    has_ended = one.start_ms + _LONGEST_MS[one.level] <= now_ms
    patience = _SETTLING_MS if has_ended else _UNENDED_MS
    waited_ms = now_ms - one.since_ms
    return waited_ms >= patience[one.level] or waited_ms < -_AHEAD_MS


def units(waiting: Sequence[Waiting]) -> Iterator[Unit]:
    """Arrange buckets newest first, near ones of one level together."""
    rest = sorted(waiting, key=lambda one: (-one.start_ms, one.level is Level.DAY))
    while rest:
        level, newest = rest[0].level, rest[0].start_ms
        reach_ms = newest - _MOST_STARTS[level] * _LONGEST_MS[level]
        starts = [one.start_ms for one in rest if one.level is level and one.start_ms > reach_ms]
        starts = starts[: _MOST_STARTS[level]]
        yield Unit(level, starts)
        taken = set(starts)
        rest = [one for one in rest if one.level is not level or one.start_ms not in taken]


def rest_s(worked_s: float, share: float) -> float:
    """Tell how long to rest after work, so that it takes no more than a share of a core."""
    return worked_s * (1.0 - share) / share
