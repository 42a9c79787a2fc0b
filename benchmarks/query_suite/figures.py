"""What was measured in terms of the limits, and whether they were kept. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.bench.limits import over, under

AT_MOST = {
    "year_plot_p95_ms": 25,
    "ten_series_p95_ms": 150,
    "latest_10k_p95_ms": 50,
    "under_ingest_factor": 1.2,
}
# Of what was to be sent while it was asked under load: less, and it was asked under less.
LEAST_SENT = 0.9
KINDS = ("year_plot", "ten_series", "latest_10k")
_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Times:
    """Server times of each kind of question, in ms: undisturbed, and while ingest runs."""

    quiet: Mapping[str, Sequence[float]]
    loaded: Mapping[str, Sequence[float]]
    time_bucket: Sequence[float]
    ingest_rps: float
    aimed_rps: float


def p95(times_ms: Sequence[float]) -> float:
    """Give what 95 of 100 answers do not exceed."""
    return float(np.percentile(times_ms, 95))


def figures(times: Times) -> dict[str, float]:
    """Name and round them; the factor is that of the kind which suffers most."""
    quiet = {kind: p95(times.quiet[kind]) for kind in KINDS}
    loaded = {kind: p95(times.loaded[kind]) for kind in KINDS}
    told = {f"{kind}_p95_ms": quiet[kind] for kind in KINDS}
    factors = {f"{kind}_factor": loaded[kind] / quiet[kind] for kind in KINDS}
    told["under_ingest_factor"] = max(factors.values())
    told |= factors
    told |= {f"{kind}_under_ingest_ms": loaded[kind] for kind in KINDS}
    told |= {f"{kind}_median_ms": float(np.median(times.quiet[kind])) for kind in KINDS}
    told["time_bucket_ms"] = float(np.median(times.time_bucket))
    told["ingest_rps"] = round(times.ingest_rps)
    told["aimed_rps"] = round(times.aimed_rps)
    return {key: round(value, _DIGITS) for key, value in told.items()}


def broken_limits(told: Mapping[str, float]) -> Sequence[str]:
    """Say which limits the figures break; a figure that is missing breaks its own."""
    least = {"ingest_rps": LEAST_SENT * told.get("aimed_rps", 0)}
    return [*over(told, AT_MOST), *under(told, least)]
