"""Bytes a reading in terms of the limits. Pure."""

from collections.abc import Mapping, Sequence

from benchmarks.bench.limits import over
from server.db.engine import Edition

AT_MOST = {"community_b": 6, "apache_b": 90, "sqlite_b": 30, "journal_b": 2}
# A plain PostgreSQL is held to what holds for the Apache edition, which compresses nothing either.
KEYS = {
    Edition.SQLITE: "sqlite_b",
    Edition.PLAIN: "apache_b",
    Edition.APACHE: "apache_b",
    Edition.COMMUNITY: "community_b",
}
_DIGITS = 2


def figures(
    reading_b: Mapping[Edition, float], journal_b: Mapping[Edition, float]
) -> dict[str, float]:
    """Name and round what was found by edition; of the journals the larger one counts."""
    found = {KEYS[edition]: size for edition, size in reading_b.items()}
    found["journal_b"] = max(journal_b.values())
    return {key: round(found[key], _DIGITS) for key in AT_MOST if key in found}


def broken_limits(told: Mapping[str, float]) -> Sequence[str]:
    """Say which limits the figures break; an edition that was not there breaks none."""
    return over(told, {key: most for key, most in AT_MOST.items() if key in told})
