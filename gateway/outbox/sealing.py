"""Sealing: which pending rows may go, with what times, as one batch. Pure.

A batch has one clock value, so rows go apart by the boot they were taken in and by how their clock
was known. Source of the rules: the wire contract, "Clock".
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from gateway.clock import STEP_MS
from wire.batch import MAX_COMPRESSED_BYTES, Sample, encode
from wire.messages import ClockSource
from wire.quality import Flag

# What one batch takes of what waits: a day of 20 series by the minute, which is one block of bzip2
# and 20 kB on the wire (decision 0022). Sealing it takes 6 MB of memory and 3 MB of SQLite's log.
SEAL_LIMIT = 30_000
# On a disk that is nearly full: what the log's own share of it holds (room.py) ...
TIGHT_LIMIT = 5_000
# ... and how many are enough for a batch, which takes a fiftieth of their room.
CRAMPED_LIMIT = 500
# What waits may take half of the outbox's budget, at about so much a row.
_ROW_BYTES = 100

_FOREVER_MS = 2**63 - 1


class Row(NamedTuple):
    """One pending observation, as the table holds it."""

    id: int
    mono_ms: int
    wall_ms: int
    datastream: str
    value: str | None
    flag: int
    reason: str


@dataclass(frozen=True, slots=True)
class ClockState:
    """The clock at the moment of sealing; `offset_ms` is wall minus monotonic."""

    boot_id: str
    source: ClockSource
    offset_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class Release:
    """Rows of one kind that may go: under which clock, taken up to when, converted by what."""

    clock: ClockSource
    offset_ms: int | None = None
    until_mono_ms: int = _FOREVER_MS


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch ready to be kept. Times in ms since the Unix epoch."""

    payload: bytes
    clock: ClockSource
    count: int
    last_id: int
    first_ms: int
    last_ms: int


def enough(max_bytes: int, *, is_tight: bool) -> int:
    """Tell how many observations need wait no longer for others to be packed with.

    `max_bytes` is the outbox's budget; `is_tight` tells of a disk that is nearly full.
    """
    return CRAMPED_LIMIT if is_tight else min(SEAL_LIMIT, max_bytes // (2 * _ROW_BYTES))


def release(boot: str, recorded: ClockSource, now: ClockState, hold_ms: int) -> Release:
    """Decide about rows of one boot whose clock was known as `recorded` when they were taken."""
    own = boot == now.boot_id
    if own and now.source is not ClockSource.UNKNOWN:
        return Release(now.source, now.offset_ms)
    if recorded is not ClockSource.UNKNOWN:
        return Release(recorded)
    if own:
        return Release(ClockSource.UNKNOWN, now.offset_ms, now.mono_ms - hold_ms)
    # Nothing that happens now can tell us more about the clock of an earlier boot.
    return Release(ClockSource.UNKNOWN)


class Waiting:
    """Rows of one kind that may go, in the order of their ids.

    In columns, for a day of 20 series by the minute would take 20 MB as objects; so it takes 3.
    """

    def __init__(self, rows: Iterable[Row], how: Release) -> None:
        """Take the rows in, with the times they go with."""
        self.clock = how.clock
        self._ids = array("q")
        self._instants = array("q")
        self._values: list[str | None] = []
        self._flags = array("B")
        self._reasons: dict[int, str] = {}
        self._places: dict[str, array[int]] = {}
        for row in rows:
            self._take(row, how.offset_ms)

    def _take(self, row: Row, offset_ms: int | None) -> None:
        place = len(self._ids)
        self._ids.append(row.id)
        self._instants.append(_instant(row, offset_ms))
        self._values.append(row.value)
        self._flags.append(row.flag)
        if row.reason:
            self._reasons[place] = row.reason
        if row.datastream not in self._places:
            self._places[row.datastream] = array("q")
        self._places[row.datastream].append(place)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._ids)

    def names(self, count: int) -> list[str]:
        """Name the series of the first `count` rows."""
        return [name for name, places in self._places.items() if places[0] < count]

    def samples(self, name: str, count: int) -> list[Sample]:
        """Give what the first `count` rows hold of a series."""
        places = self._places[name]
        return [self._sample(place) for place in places[: bisect_left(places, count)]]

    def _sample(self, place: int) -> Sample:
        text = self._values[place]
        value = None if text is None else Decimal(text)
        flag, reason = Flag(self._flags[place]), self._reasons.get(place, "")
        return Sample(self._instants[place], value, flag, reason)

    def sealed(self, count: int, payload: bytes) -> Sealed:
        """Describe a batch of the first `count` rows."""
        times = self._instants[:count]
        last_id = self._ids[count - 1]
        return Sealed(payload, self.clock, count, last_id, min(times), max(times))


class _BySeries(Mapping[str, Sequence[Sample]]):
    """The first rows of what waits, by series, each made when it is asked for."""

    def __init__(self, waiting: Waiting, count: int) -> None:
        self._waiting = waiting
        self._count = count
        self._names = waiting.names(count)

    def __getitem__(self, name: str) -> Sequence[Sample]:
        return self._waiting.samples(name, self._count)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def seal(waiting: Waiting) -> Sealed:
    """Make a batch of the first of what waits: of all, or of as many halvings as fit."""
    count = len(waiting)
    while True:
        payload = encode(waiting.clock, _BySeries(waiting, count))
        if len(payload) <= MAX_COMPRESSED_BYTES:
            return waiting.sealed(count, payload)
        count //= 2


def _instant(row: Row, offset_ms: int | None) -> int:
    """Convert a row's time; what was recorded stands unless the clock was stepped since."""
    if offset_ms is None:
        return row.wall_ms
    converted = row.mono_ms + offset_ms
    return row.wall_ms if abs(converted - row.wall_ms) <= STEP_MS else converted
