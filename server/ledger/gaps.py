"""Gaps of one series against its interval, and what caused them. Pure, on arrays of instants (ms).

The first and the last instant looked at are given by the caller: an observation (or the end of what
was looked at) beside which something is expected at each multiple of the interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from server.store.port import Int64s

# An observation may come this much of an interval late before the one before it counts as absent.
_LATE = 1.5
# Of a long gap this many instants are looked at to tell whether the whole gateway was silent.
_PROBES = 500


class Cause(StrEnum):
    """Why a series has a gap, as far as the server can know."""

    SENSOR_MISSING = "sensor_missing"  # the gateway asked and noted why there is no value
    NOT_YET_RECEIVED = "not_yet_received"  # measured, perhaps, and still to come
    WAITING = "waiting"  # received, and waits for an inventory
    REFUSED = "refused"  # received, and cannot be used
    LOST = "lost"  # the gateway no longer has it
    SET_ASIDE = "set_aside"  # in a damaged file of the gateway, for a person to open
    GATEWAY_OFF = "gateway_off"  # no series of the gateway has anything
    UNEXPLAINED = "unexplained"  # other series of the gateway do


@dataclass(frozen=True, slots=True)
class Gap:
    """Instants from_ms <= time < to_ms at which `count` values were expected and are not there."""

    from_ms: int
    to_ms: int
    count: int
    cause: Cause = Cause.UNEXPLAINED
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """Between these instants a batch was sealed that is not stored; None: nothing bounds it."""

    from_ms: int | None
    to_ms: int | None
    cause: Cause


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known of a gateway: when any of its series has something, and which batches lack.

    Up to `heard_ms` it has said how it is; None when it never has.
    """

    present: Int64s
    windows: Sequence[Window]
    heard_ms: int | None


def absent(times: Int64s, interval_ms: int) -> list[Gap]:
    """Find where nothing was noted at all, between the first and the last of ordered instants."""
    steps = np.diff(times)
    found = np.flatnonzero(steps > _LATE * interval_ms)
    counts = np.rint(steps[found] / interval_ms).astype(np.int64) - 1
    return [
        Gap(int(times[index]) + interval_ms, int(times[index + 1]), max(1, int(count)))
        for index, count in zip(found, counts, strict=True)
    ]


def missing(times: Int64s, is_missing: NDArray[np.bool_], interval_ms: int) -> list[Gap]:
    """Find the runs of observations that hold no value."""
    edges = np.diff(np.concatenate(([0], is_missing.astype(np.int8), [0])))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [
        Gap(
            int(times[start]),
            int(times[end - 1]) + interval_ms,
            int(end - start),
            Cause.SENSOR_MISSING,
        )
        for start, end in zip(starts, ends, strict=True)
    ]


def explain(gap: Gap, interval_ms: int, evidence: Evidence, now_ms: int) -> Gap:
    """Name the cause of a gap in which nothing was noted."""
    return replace(gap, cause=_cause(gap, interval_ms, evidence, now_ms))


def longest(gaps: Sequence[Gap], limit: int) -> list[Gap]:
    """Keep the gaps with the most values absent, in order of time."""
    kept = sorted(gaps, key=lambda gap: gap.count, reverse=True)[:limit]
    return sorted(kept, key=lambda gap: gap.from_ms)


def _cause(gap: Gap, interval_ms: int, evidence: Evidence, now_ms: int) -> Cause:
    for window in evidence.windows:
        if _touches(gap, window):
            return window.cause
    if not _is_silent(gap, interval_ms, evidence.present):
        return Cause.UNEXPLAINED
    is_last = gap.to_ms >= now_ms
    if is_last and evidence.heard_ms is not None and evidence.heard_ms >= gap.from_ms:
        return Cause.NOT_YET_RECEIVED
    return Cause.GATEWAY_OFF


def _touches(gap: Gap, window: Window) -> bool:
    begins_before = window.from_ms is None or window.from_ms < gap.to_ms
    return begins_before and (window.to_ms is None or window.to_ms >= gap.from_ms)


def _is_silent(gap: Gap, interval_ms: int, present: Int64s) -> bool:
    """Tell whether no series has anything near most of the instants of a gap."""
    if not len(present):
        return True
    expected = np.linspace(gap.from_ms, gap.to_ms - interval_ms, min(gap.count, _PROBES))
    after = np.searchsorted(present, expected)
    to_next = np.abs(present[np.minimum(after, len(present) - 1)] - expected)
    to_last = np.abs(present[np.maximum(after - 1, 0)] - expected)
    silent = np.minimum(to_next, to_last) > interval_ms / 2
    return bool(silent.mean() >= 0.5)
