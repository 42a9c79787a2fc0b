"""The figures of `bin/bench alerts`, and the limits that they keep. Pure."""

from collections.abc import Mapping, Sequence

from benchmarks.alerts_suite.judging import Judged
from benchmarks.bench.limits import over

AT_MOST = {"eval_share": 0.15}
_DIGITS = 3


def figures(judged: Judged) -> dict[str, float]:
    """Name and round what was found."""
    return {
        "eval_share": round(judged.share, _DIGITS),
        "readings_per_s": round(judged.readings / judged.total_s),
        "transitions": judged.transitions,
    }


def broken_limits(told: Mapping[str, float]) -> Sequence[str]:
    """Say which limits the figures break; a figure that is missing breaks its own."""
    return over(told, AT_MOST)
