"""What was measured in terms of the limits, and whether they were kept. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.bench.limits import under

AT_LEAST = {"ratio": 0.7, "mark_cost_ratio": 0.95, "sqlite_mark_cost_ratio": 0.95}
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Filled:
    """Seconds that storing took, and those of them that the marks took."""

    stored_s: float
    marked_s: float

    @property
    def mark_cost_ratio(self) -> float:
        """How fast it is with marks, by how fast it would be without."""
        return (self.stored_s - self.marked_s) / self.stored_s


@dataclass(frozen=True, slots=True)
class Rolled:
    """Seconds that it took to compute all hours and days of so many readings."""

    readings: int
    seconds: float


def figures(
    filled: Filled, rolled: Rolled, bare_s: float, on_sqlite: tuple[Filled, Rolled]
) -> dict[str, float]:
    """Name and round what was found; `bare_s` is what the database needs by itself."""
    sqlite_filled, sqlite_rolled = on_sqlite
    return {
        "readings_per_s": round(rolled.readings / rolled.seconds),
        "ratio": round(bare_s / rolled.seconds, _DIGITS),
        "mark_cost_ratio": round(filled.mark_cost_ratio, _DIGITS),
        "bare_per_s": round(rolled.readings / bare_s),
        "sqlite_per_s": round(sqlite_rolled.readings / sqlite_rolled.seconds),
        "sqlite_mark_cost_ratio": round(sqlite_filled.mark_cost_ratio, _DIGITS),
        "readings": rolled.readings,
    }


def broken_limits(told: Mapping[str, float]) -> Sequence[str]:
    """Say which limits the figures break; a figure that is missing breaks its own."""
    return under(told, AT_LEAST)
