"""Cuts the power everywhere in the recorded life of an outbox, and judges what is left."""

import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

from benchmarks.chaos_suite.power_cut import fates
from benchmarks.chaos_suite.power_cut.disk import Disk
from benchmarks.chaos_suite.power_cut.operations import Operation, Told
from benchmarks.chaos_suite.power_cut.outcome import NOT_OURS, Outcome, Tally
from benchmarks.chaos_suite.power_cut.promises import Promises
from benchmarks.chaos_suite.power_cut.recording import record
from benchmarks.chaos_suite.power_cut.reopening import examine, put
from benchmarks.chaos_suite.power_cut.told import decode
from gateway.outbox.schema import FILE_NAME, SHM_SUFFIX

# Of so many cuts one is of a disk that lies; it forgets what it said of so many last steps.
_LYING_SHARE = 10
_FORGOTTEN = 12

_MEMORY = Path("/dev/shm")  # here a sync costs nothing; what is rebuilt need not last
_INDEX_BYTES = 32_768


@dataclass(frozen=True, slots=True)
class Cut:
    """A power cut: after how many operations, what becomes of the rest, and with what chances.

    `honest_until`: from this operation on the disk made nothing safe, whatever it said.
    """

    after: int
    fate: fates.Fate
    seed: int
    honest_until: int | None = None

    def __str__(self) -> str:
        """Say it as a report does."""
        return f"after operation {self.after}, {self.fate.__name__} (seed {self.seed})"


def perform(seed: int, states: int, folder: Path) -> Outcome:
    """Record a life of an outbox in `folder`, cut its power `states` times, judge what is left.

    The same seed gives the same life and the same cuts. Raises SetupError without strace.
    """
    operations = record(seed, folder)
    lying = states // _LYING_SHARE
    return Outcome(
        len(operations),
        cut_power(operations, draw(operations, seed, states - lying), folder),
        cut_power(operations, draw_lies(operations, seed, lying), folder, NOT_OURS),
    )


def draw(operations: Sequence[Operation], seed: int, states: int) -> list[Cut]:
    """Draw cuts between all operations, and not mostly in the few steps that write most."""
    rng = Random(seed)
    spans = list(pairwise((0, *_tellings(operations), len(operations))))
    weights = [math.sqrt(end - start) for start, end in spans]
    return [
        Cut(rng.randint(start, end), rng.choice(fates.ALL), rng.getrandbits(32))
        for start, end in rng.choices(spans, weights, k=states)
    ]


def draw_lies(operations: Sequence[Operation], seed: int, states: int) -> list[Cut]:
    """Draw cuts of a disk that forgets what it said was synced, some steps back."""
    rng = Random(seed)
    ends = _tellings(operations)
    cuts = []
    for _ in range(states):
        last = rng.randrange(1, len(ends))
        first = max(0, last - rng.randint(1, _FORGOTTEN))
        fate, chances = rng.choice(fates.ALL), rng.getrandbits(32)
        cuts.append(Cut(ends[last], fate, chances, ends[first]))
    return cuts


def _tellings(operations: Sequence[Operation]) -> list[int]:
    return [n for n, one in enumerate(operations, 1) if isinstance(one, Told)]


def cut_power(
    operations: Sequence[Operation],
    cuts: Sequence[Cut],
    folder: Path,
    forgiven: frozenset[str] = frozenset(),
) -> Tally:
    """Rebuild the folder after each cut, open it with the real outbox, and judge it."""
    tally = Tally(forgiven)
    with _scratch(folder) as name:
        for cut, files, promises in _rebuilt(operations, cuts):
            put(Path(name), files)
            tally.count(str(cut), examine(Path(name), promises))
    return tally


def _rebuilt(
    operations: Sequence[Operation], cuts: Sequence[Cut]
) -> Iterator[tuple[Cut, dict[str, bytes], Promises]]:
    disk, promises, done = Disk(), Promises(), 0
    for cut in sorted(cuts, key=lambda one: one.after):
        for operation in operations[done : cut.after]:
            disk.apply(operation)
            if isinstance(operation, Told):
                promises.hear(decode(operation.text))
        done = cut.after
        at_hand = disk if cut.honest_until is None else _liar(operations, cut.honest_until, done)
        rng = Random(cut.seed)
        files = at_hand.rebuild(cut.fate(rng, at_hand.pending))
        yield cut, files | dict(_index(rng)), promises


def _liar(operations: Sequence[Operation], honest_until: int, after: int) -> Disk:
    disk = Disk()
    for n, operation in enumerate(operations[:after]):
        disk.honest = n < honest_until
        disk.apply(operation)
    return disk


def _index(rng: Random) -> Iterator[tuple[str, bytes]]:
    """Give what may stand where SQLite mapped the index of its log: nothing, zeros, or rubbish."""
    content = rng.choice((None, b"", bytes(_INDEX_BYTES), rng.randbytes(_INDEX_BYTES)))
    if content is not None:
        yield FILE_NAME + SHM_SUFFIX, content


def _scratch(folder: Path) -> tempfile.TemporaryDirectory[str]:
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else folder
    return tempfile.TemporaryDirectory(prefix="saxaul-power-cut-", dir=place)
