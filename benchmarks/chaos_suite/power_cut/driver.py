"""A process that leads a real outbox through its life, telling each step. Run under strace.

It is started once for each part, in the same folder: a process ends between them, some cleanly,
some as by a kill.
"""

import os
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

from benchmarks.chaos_suite.power_cut import told
from gateway.clock import Clock, TimeSources
from gateway.outbox import Outbox
from gateway.outbox.salvage import condemn
from gateway.readings import Observation
from wire.batch import Sample
from wire.messages import Refusal
from wire.quality import Flag

_WALL_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
_PART_MS = 3_600_000
_TICK_MS = 10_000
_STREAMS = tuple(f"dune-1/{sensor}/vwc_raw" for sensor in ("soil-10cm", "soil-40cm", "soil-90cm"))
# A note this long takes some 50 pages of the log, which is folded into the file at 1000.
_LONG_NOTE = 200_000
_CLEAN, _KILLED = 0, 9
ENDINGS = frozenset({_CLEAN, _KILLED})


class _Driven:
    """An outbox, the clock it goes by, and what was told of it."""

    def __init__(self, folder: Path, part: int, told_to: int, rng: Random) -> None:
        self.rng = rng
        self._told_to = told_to
        self._now_ms = 1_000_000 + part * _PART_MS
        self._unsettled: list[int] = []
        self.outbox = Outbox(folder, self._clock(f"boot-{part}"), 60, lambda: f"{part:016x}")
        self._seen = set(self._waiting())
        self._unsettled.extend(sorted(self._seen))
        self._tell(told.Opened(self.outbox.epoch))
        # A salvage numbers batches that no sealing told of.
        self._tell(told.SealedBatches(list(self._batches(self._waiting()))))

    def _clock(self, boot_id: str) -> Clock:
        def mono_ns() -> int:
            return self._now_ms * 1_000_000

        def wall_ns() -> int:
            return (self._now_ms + _WALL_MS) * 1_000_000

        return Clock("assume", TimeSources(mono_ns, wall_ns), boot_id)

    def _tell(self, message: told.Message) -> None:
        os.write(self._told_to, told.encode(message))

    def _waiting(self) -> list[int]:
        return [one.seq for one in self.outbox.unconfirmed(10_000, 0)]

    def tick(self) -> None:
        """Append what one tick of the sensors gives: values, and now and then none."""
        self._now_ms += _TICK_MS
        observed = [
            Observation(name, self._now_ms - n, value, Flag.PASS if value else Flag.MISSING, reason)
            for n, name in enumerate(_STREAMS)
            for value, reason in (self._reading(),)
        ]
        rows = [
            told.Row(
                (one.datastream, one.mono_ms + _WALL_MS),
                told.Content(one.value, int(one.flag), one.reason),
            )
            for one in observed
        ]
        self._tell(told.Appending(rows))
        self.outbox.append(observed)
        self._tell(told.Appended())

    def _reading(self) -> tuple[Decimal | None, str]:
        if self.rng.random() < 0.1:
            return None, "no answer"
        return Decimal(self.rng.randint(100_000, 999_999)).scaleb(-2), ""

    def history(self, count: int) -> None:
        """Append values of the past in one go: a transaction of many pages."""
        base_ms = _WALL_MS - _PART_MS * 1000 + self._now_ms
        samples = [
            (_STREAMS[0], Sample(base_ms + n, Decimal(self.rng.randint(0, 9999))))
            for n in range(count)
        ]
        rows = [
            told.Row((name, one.time_ms), told.Content(one.value, int(one.flag), one.reason))
            for name, one in samples
        ]
        self._tell(told.Appending(rows))
        self.outbox.append_stamped(samples)
        self._tell(told.Appended())

    def seal(self) -> None:
        """Seal all that waits, and tell the numbers."""
        while self.outbox.seal():
            pass
        fresh = [seq for seq in self._waiting() if seq not in self._seen]
        self._seen.update(fresh)
        self._unsettled.extend(fresh)
        self._tell(told.SealedBatches(list(self._batches(fresh))))

    def _batches(self, seqs: list[int]) -> Iterator[told.Batch]:
        for seq in seqs:
            payload = self.outbox.payload(seq)
            assert payload is not None
            keys = [row.key for row in told.rows_of(payload)]
            yield told.Batch(seq, told.digest_of(payload), keys)

    def confirm(self, count: int) -> None:
        """Hear that some batches, drawn by chance, are stored."""
        seqs = self._draw(count)
        self._tell(told.Settling("stored", seqs))
        self.outbox.confirm([(seq, seq) for seq in seqs])
        self._tell(told.Settled())

    def refuse(self, count: int) -> None:
        """Hear that some batches, drawn by chance, are refused."""
        seqs = self._draw(count)
        self._tell(told.Settling("refused", seqs))
        self.outbox.refuse(Refusal(seq=seq, reason="not decodable") for seq in seqs)
        self._tell(told.Settled())

    def _draw(self, count: int) -> list[int]:
        drawn = self.rng.sample(self._unsettled, min(count, len(self._unsettled)))
        self._unsettled = [seq for seq in self._unsettled if seq not in drawn]
        return drawn

    def prune(self) -> None:
        """Remove all confirmed batches, and give their pages back to the disk."""
        self._now_ms += 1
        self._tell(told.Pruning())
        self.outbox.prune(keep_ms=0)

    def note(self, length: int) -> None:
        """Keep a note beside the batches."""
        self.outbox.set_meta({"inventory": f'"{self.rng.randbytes(length // 2).hex()}"'})

    def give_up(self) -> None:
        """Have the file salvaged at the next opening."""
        self._tell(told.Condemning())
        condemn(self.outbox.path)


def _youth(driven: _Driven) -> int:
    """Append small ticks, then so much that the log is folded in and begun anew; end cleanly."""
    for n in range(24):
        driven.tick()
        if n % 4 == 3:
            driven.seal()
        if n % 8 == 7:
            driven.confirm(1)
    driven.refuse(1)
    for n in range(24):
        driven.note(_LONG_NOTE)
        if n % 4 == 0:
            driven.tick()
    driven.note(20)
    for _ in range(6):
        driven.tick()
        driven.seal()
    driven.outbox.close()
    return _CLEAN


def _prime(driven: _Driven) -> int:
    """Append much of the past, seal, confirm and remove it; be killed."""
    for _ in range(3):
        driven.history(400)
        driven.seal()
        driven.tick()
    driven.confirm(8)
    driven.prune()
    for _ in range(4):
        driven.tick()
        driven.seal()
        driven.confirm(1)
    driven.tick()
    return _KILLED


def _age(driven: _Driven) -> int:
    """Begin over a log that was left behind; give the file up at the end, and be killed."""
    for _ in range(4):
        driven.tick()
    driven.seal()
    driven.confirm(2)
    driven.prune()
    driven.tick()
    driven.give_up()
    return _KILLED


def _afterlife(driven: _Driven) -> int:
    """Begin with a salvage; go on under another epoch to a clean end."""
    for _ in range(3):
        driven.tick()
        driven.seal()
        driven.confirm(1)
    driven.prune()
    driven.tick()
    driven.outbox.close()
    return _CLEAN


PARTS: tuple[Callable[[_Driven], int], ...] = (_youth, _prime, _age, _afterlife)


def main(folder: str, told_to: str, seed: str, part: str) -> None:
    """Lead the outbox through one part of its life; a kill is `os._exit`: nothing is closed."""
    descriptor = os.open(told_to, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    number = int(part)
    driven = _Driven(Path(folder), number, descriptor, Random(f"{seed} {part}"))
    os._exit(PARTS[number](driven))


if __name__ == "__main__":
    main(*sys.argv[1:])
