"""How a soil dries after rain, and for how many days what it holds will last. Pure.

Water falls as theta(t) = floor + (start - floor) exp(-t / tau): McColl et al. 2017,
10.1002/2017GL073018. It holds as well for relative extractable water, which is linear in it. Only
runs are fitted in which nothing was added.
"""

from dataclasses import dataclass
from math import inf, log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MIN_POINTS = 4
_DAY_MS = 86_400_000.0
# So many rates are tried, each as much slower than the one before; then the best is refined.
_RATES = 60
_REFINEMENTS = 40
_GOLDEN = (5.0**0.5 - 1.0) / 2.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a fit is believed within: days to fall to 37 %, and the least water that stays.

    A rate at either end of its bounds means that the run does not tell it.
    """

    least_days: float = 0.1
    most_days: float = 120.0
    least_floor: float = 0.0


@dataclass(frozen=True, slots=True)
class DryDown:
    """A fitted run: what it falls to, from what, in which time (days), and how well it is met.

    `rmse` is in the unit of the values.
    """

    floor: float
    start: float
    tau_days: float
    rmse: float
    points: int

    def at(self, days: float) -> float:
        """Give the water so many days after the run began."""
        return float(self.floor + (self.start - self.floor) * np.exp(-days / self.tau_days))

    def days_until(self, threshold: float, now: float) -> float:
        """Give the days until water that is `now` there falls to a threshold, if nothing is added.

        0 when it is not above; infinity when it never gets there.
        """
        if now <= threshold:
            return 0.0
        if threshold <= self.floor:
            return inf
        return self.tau_days * log((now - self.floor) / (threshold - self.floor))


def runs(
    time_ms: Ints, value: Floats, tolerance: float = 0.0, wet: Bools | None = None
) -> list[slice]:
    """Cut a series, in order of time, into runs in which it only falls.

    A run ends before a value that is above the least so far by more than `tolerance` (the noise of
    the sensor), and before one at which it was `wet` (rain, irrigation). Missing values (NaN) are
    passed over.
    """
    found: list[slice] = []
    begin, least = 0, inf
    added = np.zeros(len(time_ms), np.bool_) if wet is None else wet
    for index, (one, is_wet) in enumerate(zip(value.tolist(), added.tolist(), strict=True)):
        if is_wet or one > least + tolerance:
            found.append(slice(begin, index))
            begin, least = index, inf
        least = min(least, one)  # which leaves out NaN
    found.append(slice(begin, len(time_ms)))
    return [one for one in found if one.stop > one.start]


def last_run(
    time_ms: Ints, value: Floats, tolerance: float = 0.0, wet: Bools | None = None
) -> slice:
    """Give the run that the newest value is in."""
    found = runs(time_ms, value, tolerance, wet)
    return found[-1] if found else slice(0, 0)


def fit(time_ms: Ints, value: Floats, bounds: Bounds | None = None) -> DryDown | None:
    """Fit one run; None when it has too few points, or does not tell how fast it dries."""
    bounds = bounds or Bounds()
    there = np.isfinite(value)
    value = value[there]
    if len(value) < MIN_POINTS:
        return None
    days = (time_ms[there] - time_ms[there][0]) / _DAY_MS
    tau, at_end = _search(days, value, bounds)
    if at_end:
        return None
    floor, start, squares = (float(one[0]) for one in _solve(days, value, np.array([tau]), bounds))
    if not start > floor:
        return None
    return DryDown(floor, start, tau, (squares / len(value)) ** 0.5, len(value))


def _search(days: Floats, value: Floats, bounds: Bounds) -> tuple[float, bool]:
    """Find the rate that fits best, and tell whether it is at an end of what is believed."""
    rates = np.geomspace(bounds.least_days, bounds.most_days, _RATES)
    squares = _solve(days, value, rates, bounds)[2]
    best = int(np.argmin(squares))
    if best in (0, _RATES - 1):
        return float(rates[best]), True
    low, high = np.log(rates[best - 1]), np.log(rates[best + 1])
    for _ in range(_REFINEMENTS):  # golden section
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        tried = _solve(days, value, np.exp(np.array([left, right])), bounds)[2]
        low, high = (low, right) if tried[0] <= tried[1] else (left, high)
    return float(np.exp((low + high) / 2.0)), False


def _solve(
    days: Floats, value: Floats, tau_days: Floats, bounds: Bounds
) -> tuple[Floats, Floats, Floats]:
    """Give the best floor and start for each rate, and the sum of squares that is left.

    For a given rate the curve is a line in exp(-t / tau).
    """
    curve = np.exp(-days[None, :] / tau_days[:, None])
    x = curve - curve.mean(axis=1, keepdims=True)
    y = value - value.mean()
    spread = (x * x).sum(axis=1)
    # A rate so fast that nothing of it is seen has no slope.
    slope = np.divide((x * y).sum(axis=1), spread, out=np.zeros_like(spread), where=spread > 0)
    floor = value.mean() - slope * curve.mean(axis=1)
    too_low = floor < bounds.least_floor
    held = (curve * (value - bounds.least_floor)).sum(axis=1) / (curve * curve).sum(axis=1)
    slope, floor = np.where(too_low, held, slope), np.where(too_low, bounds.least_floor, floor)
    left = value[None, :] - (floor[:, None] + slope[:, None] * curve)
    return floor, floor + slope, (left * left).sum(axis=1)
