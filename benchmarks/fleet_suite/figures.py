"""What was measured in terms of the limits, and whether they were kept. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.bench.limits import over, under

# Receipts of a live batch come within this, or the fleet is too large.
RECEIPT_P95_S = 5.0
AT_MOST = {"receipt_p95_s": RECEIPT_P95_S, "storm_s": 60.0}


@dataclass(frozen=True, slots=True)
class Stage:
    """A fleet as large as `equivalent` gateways with a batch a minute each, for `seconds`.

    `cores` says how many processors broker, server and database kept busy.
    """

    equivalent: float
    seconds: float
    sent: int
    confirmed: int
    p50_s: float
    p95_s: float
    cores: float

    @property
    def held(self) -> bool:
        """Tell whether receipts came in time."""
        return self.p95_s <= RECEIPT_P95_S


@dataclass(frozen=True, slots=True)
class Fleet:
    """What was found about a fleet of so many gateways; memory in MB, at most."""

    wanted: int
    connections: int
    connect_s: float
    announced_per_s: float
    statuses_per_s: float
    stages: Sequence[Stage]
    cold_s: float
    burst_s: float
    storm_s: float
    broker_rss_mb: float
    server_rss_mb: float
    workers: int
    processors: int


def percentiles(delays: Sequence[float]) -> tuple[float, float]:
    """Give the median and the 95th percentile; infinite when there are none."""
    if not delays:
        return float("inf"), float("inf")
    # An interpolation between a number and none would be neither.
    p50, p95 = np.percentile(np.array(delays), [50, 95], method="higher")
    return float(p50), float(p95)


def figures(fleet: Fleet, readings_a_batch: int) -> dict[str, float]:
    """Name and round them; `most_` is of the largest fleet whose receipts came in time."""
    base = fleet.stages[0]
    held = [one for one in fleet.stages if one.held]
    most = max(held, key=lambda one: one.equivalent, default=base)
    return {
        "gateways": fleet.wanted,
        "connections": fleet.connections,
        "readings_per_s": round(base.confirmed * readings_a_batch / base.seconds),
        "receipt_p50_s": round(base.p50_s, 3),
        "receipt_p95_s": round(base.p95_s, 3),
        "cpu_share": round(base.cores / fleet.processors, 3),
        "most_gateways": round(most.equivalent) if most.held else 0,
        "most_readings_per_s": round(most.confirmed * readings_a_batch / most.seconds),
        "most_p95_s": round(most.p95_s, 3),
        "most_cpu_share": round(most.cores / fleet.processors, 3),
        "storm_s": round(fleet.storm_s, 1),
        "cold_s": round(fleet.cold_s, 1),
        "burst_s": round(fleet.burst_s, 1),
        "connect_per_s": round(fleet.connections / fleet.connect_s),
        "announced_per_s": round(fleet.announced_per_s, 1),
        "statuses_per_s": round(fleet.statuses_per_s),
        "broker_rss_mb": round(fleet.broker_rss_mb, 1),
        "server_rss_mb": round(fleet.server_rss_mb, 1),
        "workers": fleet.workers,
    }


def broken_limits(told: Mapping[str, float]) -> Sequence[str]:
    """Say which limits the figures break; a figure that is missing breaks its own."""
    return [*over(told, AT_MOST), *under(told, {"connections": told.get("gateways", 1)})]
