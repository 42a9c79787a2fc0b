"""Which instrument stood at a place when: a reading is judged by the one of its time. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from wire.messages import FieldInfo

# Before all that was ever measured, in ms since 1970.
BEGINNING_MS = -(2**62)

# So many instruments of one place are told apart, the newest. Who writes another model into each
# inventory must not make all that a gateway sends slow to judge.
MOST_ERAS = 200

Told = tuple[FieldInfo, ...]
"""What a gateway says of a model that only its own catalogue knows."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An instrument at a place from an instant to before another (ms UTC); None: until now.

    `reference_m` is what was measured on site when it was put up, None where nobody did; depth and
    height are in metres, None where not told.
    """

    since_ms: int
    until_ms: int | None
    model: str
    reference_m: float | None = None
    depth_m: float | None = None
    height_m: float | None = None
    told: Told = ()

    def parameters(self, wanted: Iterable[str]) -> dict[str, float]:
        """Give those of a formula's parameters that are known of this instrument."""
        own = {name: getattr(self, name, None) for name in wanted}
        return {name: value for name, value in own.items() if value is not None}


NOBODY = Standing(BEGINNING_MS, None, "")
"""Stands where nothing is known to have stood."""


def eras(standings: Sequence[Standing]) -> list[tuple[int, Standing]]:
    """Say from when on which of them counts; they come as they were announced.

    Of several at one time the one announced last counts, and the first one reaches back to the
    beginning; so does the oldest of the newest MOST_ERAS. What stood there before a time of which
    nothing is known still counts in it: its readings may arrive late.
    """
    if len(standings) <= 1:
        return [(BEGINNING_MS, one) for one in standings] or [(BEGINNING_MS, NOBODY)]
    newest = standings[-MOST_ERAS:]
    known = [replace(newest[0], since_ms=BEGINNING_MS), *newest[1:]]
    found: list[tuple[int, Standing]] = []
    for instant in sorted({bound for one in known for bound in _bounds(one)}):
        there = [one for one in known if _stands(one, instant)]
        if there and (not found or found[-1][1] is not there[-1]):
            found.append((instant, there[-1]))
    return found


def _bounds(one: Standing) -> list[int]:
    return [one.since_ms] if one.until_ms is None else [one.since_ms, one.until_ms]


def _stands(one: Standing, instant: int) -> bool:
    return one.since_ms <= instant and (one.until_ms is None or instant < one.until_ms)
