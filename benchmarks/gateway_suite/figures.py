"""What was measured in terms of the limits, and whether they were kept. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.bench.limits import over

AT_MOST = {"rss_end_mb": 50.0, "rss_growth_percent": 2.0, "slots_late": 0, "wrong": 0}


@dataclass(frozen=True, slots=True)
class Found:
    """What a run came to: memory (10^6 bytes), processor time of the gateway, what was sealed."""

    hours: float
    rss_start_mb: float
    rss_end_mb: float
    cpu_s: float
    readings: int
    missing: int
    slots_late: int
    wrong: int


def figures(found: Found) -> dict[str, float]:
    """Name and round what was found."""
    growth = found.rss_end_mb / found.rss_start_mb - 1
    return {
        "rss_start_mb": round(found.rss_start_mb, 2),
        "rss_end_mb": round(found.rss_end_mb, 2),
        "rss_growth_percent": round(100 * growth, 2),
        "slots_late": found.slots_late,
        "wrong": found.wrong,
        "cpu_us_per_reading": round(1e6 * found.cpu_s / max(1, found.readings + found.missing)),
        "readings": found.readings,
        "missing": found.missing,
        "hours": found.hours,
    }


def broken_limits(told: Mapping[str, float]) -> Sequence[str]:
    """Say which limits the figures break; a figure that is missing breaks its own."""
    return over(told, AT_MOST)
