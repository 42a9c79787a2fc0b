"""What became of sequence numbers, as few closed runs. Pure.

A run gives one fate to numbers that follow each other; runs never overlap and stand in order. A
number in no run is a hole: nothing of it has arrived.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

Span = tuple[int, int]


class Fate(StrEnum):
    """What became of a batch.

    `LOST` is what its gateway no longer has, `CARRIED` what it sends under a newer epoch.
    """

    STORED = "stored"
    REFUSED = "refused"
    WAITING = "waiting"
    CARRIED = "carried"
    LOST = "lost"


# A batch that was refused may be stored after a replay; one that is stored stays so. What came goes
# before what a gateway says of it, and what it still has before what it once missed.
_STRENGTH = {Fate.LOST: 0, Fate.CARRIED: 1, Fate.WAITING: 2, Fate.REFUSED: 3, Fate.STORED: 4}


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """The numbers `first` to `last`, both included, and their fate."""

    first: int
    last: int
    fate: Fate


def place(runs: Sequence[Run], spans: Sequence[Span], fate: Fate) -> list[Run]:
    """Lay spans of a fate among runs: of two fates the stronger holds, neighbours are joined.

    Of both, none overlap and all are in order.
    """
    laid = yielding(runs, spans, fate)
    kept = [run for run in runs if _STRENGTH[run.fate] >= _STRENGTH[fate]]
    for weaker in [one for one in Fate if _STRENGTH[one] < _STRENGTH[fate]]:
        of_it = [(run.first, run.last) for run in runs if run.fate is weaker]
        kept += _runs(subtract(of_it, laid), weaker)
    return _joined(sorted([*kept, *_runs(laid, fate)]))


def yielding(runs: Sequence[Run], spans: Sequence[Span], fate: Fate) -> list[Span]:
    """Give what of spans lies in holes, or in runs that give way to a fate."""
    strong = [run for run in runs if _STRENGTH[run.fate] >= _STRENGTH[fate]]
    return subtract(spans, [(run.first, run.last) for run in strong])


def subtract(spans: Sequence[Span], runs: Sequence[Span]) -> list[Span]:
    """Give what of spans lies in none of the runs; of both, none overlap and all are in order."""
    left: list[Span] = []
    at = 0
    for first, last in spans:
        start = first
        while at < len(runs) and runs[at][1] < start:
            at += 1
        following = at
        while following < len(runs) and runs[following][0] <= last:
            low, high = runs[following]
            left.append((start, low - 1))
            start = high + 1
            following += 1
        left.append((start, last))
        at = max(at, following - 1)
    return [(first, last) for first, last in left if first <= last]


def union(spans: Sequence[Span]) -> list[Span]:
    """Put spans in order and join those that overlap or touch."""
    out: list[Span] = []
    for first, last in sorted(spans):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


def count(spans: Sequence[Span]) -> int:
    """Count the numbers in spans that do not overlap."""
    return sum(last - first + 1 for first, last in spans)


def head(spans: Sequence[Span], limit: int) -> list[Span]:
    """Give the first `limit` numbers of spans that do not overlap."""
    out: list[Span] = []
    for first, last in spans:
        if limit <= 0:
            break
        out.append((first, min(last, first + limit - 1)))
        limit -= count(out[-1:])
    return out


def _runs(spans: Sequence[Span], fate: Fate) -> list[Run]:
    return [Run(first, last, fate) for first, last in spans]


def _joined(runs: Sequence[Run]) -> list[Run]:
    out: list[Run] = []
    for run in runs:
        if out and out[-1].fate is run.fate and out[-1].last + 1 == run.first:
            out[-1] = Run(out[-1].first, run.last, run.fate)
        else:
            out.append(run)
    return out
