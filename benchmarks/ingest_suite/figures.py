"""What was measured in terms of the limits, and whether they were kept. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.bench.limits import over, under

AT_LEAST = {
    "hour_ratio": 0.9,
    "hour_rps": 250_000,
    "row_rps": 100_000,
    "sqlite_ratio": 0.6,
    "flat_ratio": 0.8,
}
AT_MOST = {"rss_mb": 300, "stalled_rss_mb": 300}
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Timescale:
    """Rates on PostgreSQL, in readings a second, and the server's memory in MB."""

    hour_rps: float
    bare_rps: float
    row_rps: float
    full_rps: float
    rss_mb: float
    stalled_rss_mb: float


@dataclass(frozen=True, slots=True)
class Sqlite:
    """The same on SQLite."""

    rps: float
    bare_rps: float
    rss_mb: float


def figures(timescale: Timescale, sqlite: Sqlite, rows: int) -> dict[str, float]:
    """Name and round them; `rows` were there before the last measurement on PostgreSQL."""
    return {
        "hour_ratio": round(timescale.hour_rps / timescale.bare_rps, _DIGITS),
        "hour_rps": round(timescale.hour_rps),
        "row_rps": round(timescale.row_rps),
        "sqlite_ratio": round(sqlite.rps / sqlite.bare_rps, _DIGITS),
        "flat_ratio": round(timescale.full_rps / timescale.hour_rps, _DIGITS),
        "rss_mb": round(max(timescale.rss_mb, sqlite.rss_mb), 1),
        "bare_rps": round(timescale.bare_rps),
        "full_rps": round(timescale.full_rps),
        "sqlite_rps": round(sqlite.rps),
        "sqlite_bare_rps": round(sqlite.bare_rps),
        "stalled_rss_mb": round(timescale.stalled_rss_mb, 1),
        "rows": rows,
    }


def broken_limits(told: Mapping[str, float]) -> Sequence[str]:
    """Say which limits the figures break; a figure that is missing breaks its own."""
    return [*under(told, AT_LEAST), *over(told, AT_MOST)]
