"""What a power cut leaves of changes that were not safe: drawn by chance. Pure."""

from collections.abc import Callable, Iterator, Sequence
from random import Random

from benchmarks.chaos_suite.power_cut.disk import Change, Put, Resize

SECTOR = 512

Fate = Callable[[Random, Sequence[Change]], Sequence[Change]]


def nothing(_rng: Random, _pending: Sequence[Change]) -> Sequence[Change]:
    """Keep what was synced only."""
    return ()


def everything(_rng: Random, pending: Sequence[Change]) -> Sequence[Change]:
    """Keep all: as when a process dies and the machine does not."""
    return pending


def beginning(rng: Random, pending: Sequence[Change]) -> Sequence[Change]:
    """Keep what was asked first, the last of it torn."""
    count = rng.randint(0, len(pending))
    torn = _torn(rng, pending[count : count + 1], 0.5)
    return (*pending[:count], *torn)


def some(rng: Random, pending: Sequence[Change]) -> Sequence[Change]:
    """Keep some changes, each whole: later ones without earlier ones, too."""
    share = rng.choice((0.1, 0.5, 0.9))
    return [one for one in pending if rng.random() < share]


def shreds(rng: Random, pending: Sequence[Change]) -> Sequence[Change]:
    """Keep some sectors of some changes; files may have grown without their content."""
    return list(_torn(rng, pending, rng.choice((0.1, 0.5, 0.9, 0.98))))


ALL: Sequence[Fate] = (nothing, everything, beginning, some, shreds)


def _torn(rng: Random, changes: Sequence[Change], share: float) -> Iterator[Change]:
    for one in changes:
        if not isinstance(one, Put):
            if rng.random() < share:
                yield one
            continue
        yield from (piece for piece in _sectors(one) if rng.random() < share)
        if rng.random() < 0.5:
            yield Resize(one.inode, one.offset + len(one.data), only_grow=True)


def _sectors(put: Put) -> Iterator[Put]:
    """Cut a write where sectors of the disk begin."""
    start = 0
    while start < len(put.data):
        end = start + SECTOR - (put.offset + start) % SECTOR
        yield Put(put.inode, put.offset + start, put.data[start:end])
        start = end
