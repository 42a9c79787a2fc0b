"""Which rows leave a watch as it is, so that neither `fold` need be asked nor anything be read.

A watch as it was stored has a band: a range of values over a stretch of time in which a good row
changes nothing that must be stored. Rows that are not good are no evidence, and always quiet.
While a run is pending, rows within the band only make it longer: `fold` reads them when the run's
delay has passed (`machine.needs_from`). Rows within it may be late, but not from before the newest
sample that the stored machine took. Bands of many watches are compared as columns in
`server.watch`.
"""

from dataclasses import dataclass

import numpy as np

from server.alerts.condition import ALWAYS_MS, Condition, Side
from server.alerts.machine import Machine


@dataclass(frozen=True, slots=True)
class Band:
    """Values lower <= v <= upper at from_ms <= t < until_ms are quiet."""

    lower: float
    upper: float
    from_ms: int
    until_ms: int


LOUD = Band(np.inf, -np.inf, ALWAYS_MS, -ALWAYS_MS)


def band(condition: Condition, machine: Machine, *, silent: bool = False) -> Band:
    """Give a watch's band. One that is silent has none: its first good sample is news."""
    if silent:
        return LOUD
    from_ms = -ALWAYS_MS if machine.changed_ms is None else machine.changed_ms + 1
    until_ms = ALWAYS_MS
    for run in machine.pending:
        delay_ms = condition.on_delay_ms if run.level > machine.level else condition.off_delay_ms
        from_ms = max(from_ms, run.last_ms + 1)
        until_ms = min(until_ms, run.since_ms + delay_ms)
    if condition.season is not None and machine.until_ms is not None:
        begins_ms, ends_ms = condition.season.span(machine.until_ms)
        from_ms, until_ms = max(from_ms, begins_ms), min(until_ms, ends_ms)
        if not condition.season.holds(machine.until_ms):
            return Band(-np.inf, np.inf, from_ms, until_ms)
    elif condition.season is not None:
        return LOUD
    if machine.until_ms is not None:
        # A row from before may come into a run that was broken there, or short of samples: what is
        # left of that on either side may be complete.
        from_ms = max(from_ms, machine.until_ms + 1)
    return Band(*_values(condition, machine), from_ms, until_ms)


def _values(condition: Condition, machine: Machine) -> tuple[float, float]:
    """Give the values that go on with exactly the runs that are pending, as a closed range."""
    running = {run.level for run in machine.pending}
    lower, upper = -np.inf, np.inf
    for level in condition.levels:
        enters = level.severity > machine.level
        line = level.threshold if enters else level.leave
        # On the line a level is entered, or not yet left: the line belongs to the rule's side.
        stays_beyond = (level.severity in running) == enters
        if condition.side is Side.BELOW and stays_beyond:
            upper = min(upper, line)
        elif condition.side is Side.BELOW:
            lower = max(lower, np.nextafter(line, np.inf))
        elif stays_beyond:
            lower = max(lower, line)
        else:
            upper = min(upper, np.nextafter(line, -np.inf))
    return float(lower), float(upper)
