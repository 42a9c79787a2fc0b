"""The figures of `bin/bench alerts`, and the limits that they keep. Pure."""

import math
from collections.abc import Mapping, Sequence

from benchmarks.alerts_suite.judging import Judged
from benchmarks.alerts_suite.mailing import Mailed
from benchmarks.alerts_suite.queueing import Queued
from benchmarks.bench.limits import over

AT_MOST = {
    "eval_share": 0.15,
    "queue_s": 10.0,
    "mail_p99_s": 2.0,
    "duplicates": 0.0,
    "missed": 0.0,
}
_DIGITS = 3


def figures(judged: Judged, queued: Queued, mailed: Mailed) -> dict[str, float]:
    """Name and round what was found."""
    delays_s = mailed.delays_s
    p99_s = delays_s[min(len(delays_s) - 1, len(delays_s) * 99 // 100)] if delays_s else math.inf
    return {
        "eval_share": round(judged.share, _DIGITS),
        "readings_per_s": round(judged.readings / judged.total_s),
        "transitions": judged.transitions,
        "queue_s": round(queued.seconds, _DIGITS),
        "queued": queued.messages,
        "mail_p99_s": round(p99_s, _DIGITS),
        "mails": len(delays_s),
        "duplicates": mailed.duplicates,
        "missed": mailed.missed,
    }


def broken_limits(told: Mapping[str, float]) -> Sequence[str]:
    """Say which limits the figures break; a figure that is missing breaks its own."""
    return over(told, AT_MOST)
