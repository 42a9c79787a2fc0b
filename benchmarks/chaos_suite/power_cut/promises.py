"""What an outbox had promised when the power was cut, and what it holds afterwards. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos_suite.power_cut.told import (
    Appended,
    Appending,
    Batch,
    Condemning,
    Content,
    Key,
    Message,
    Opened,
    Pruning,
    Row,
    SealedBatches,
    Settled,
    Settling,
)

# What can be wrong with what is found after a cut.
LOST, DUPLICATED, WRONG, INVENTED = "lost", "duplicated", "wrong", "invented"
SALVAGED, RENUMBERED, AHEAD, UNUSABLE = "salvaged", "renumbered", "ahead", "unusable"
KINDS = (LOST, DUPLICATED, WRONG, INVENTED, SALVAGED, RENUMBERED, AHEAD, UNUSABLE)

Numbered = tuple[str, int]  # epoch and seq


@dataclass(frozen=True, slots=True)
class HeldBatch:
    """A batch as found after the cut."""

    seq: int
    state: str
    digest: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Held:
    """What an outbox holds when it is opened after the cut. `salvages`: how often it was."""

    epoch: str
    sealed: int
    salvages: int
    pending: Sequence[Row]
    batches: Sequence[HeldBatch]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: of which kind, and what was seen."""

    kind: str
    text: str


@dataclass(slots=True)
class Promises:
    """What has been told so far."""

    epoch: str | None = None
    salvage_is_due: bool = False
    rows: dict[Key, Content] = field(default_factory=dict)
    under_way: dict[Key, Content] = field(default_factory=dict)
    batches: dict[Numbered, Batch] = field(default_factory=dict)
    settling: dict[Numbered, str] = field(default_factory=dict)
    settled: dict[Numbered, str] = field(default_factory=dict)
    # Observations that may be gone, for the server has given its word on them.
    dispensable: set[Key] = field(default_factory=set)

    def hear(self, message: Message) -> None:
        """Take in what is told next."""
        match message:
            case Opened(epoch):
                self.epoch, self.salvage_is_due = epoch, False
            case Appending(rows):
                self.under_way = {row.key: row.content for row in rows}
            case Appended():
                self.rows.update(self.under_way)
                self.under_way = {}
            case SealedBatches(batches):
                self.batches.update({(self._now(), one.seq): one for one in batches})
            case Settling(state, seqs):
                self.settling.update({(self._now(), seq): state for seq in seqs})
            case Settled():
                self.settled.update(self.settling)
            case Pruning():
                self._dispense_with("stored")
            case Condemning():
                self.salvage_is_due = True
                self._dispense_with("stored", "refused")

    def _now(self) -> str:
        return self.epoch or ""

    def _dispense_with(self, *states: str) -> None:
        for number, state in self.settling.items():
            if state in states:
                self.dispensable.update(self.batches[number].keys)

    def last_number(self, epoch: str) -> int:
        """Tell the highest number that was used under an epoch."""
        return max((seq for one, seq in self.batches if one == epoch), default=0)


def judge(promises: Promises, held: Held) -> Iterator[Finding]:
    """Say all that is wrong with what is held."""
    yield from _judge_rows(promises, held)
    yield from _judge_epoch(promises, held)
    yield from _judge_batches(promises, held)


def _judge_rows(promises: Promises, held: Held) -> Iterator[Finding]:
    everything = [*held.pending, *(row for one in held.batches for row in one.rows)]
    count = Counter(row.key for row in everything)
    for key in promises.rows.keys() - count.keys() - promises.dispensable:
        yield Finding(LOST, f"{key} was appended")
    for key, times in count.items():
        if times > 1:
            yield Finding(DUPLICATED, f"{key} is there {times} times")
    known = promises.rows | promises.under_way
    for row in everything:
        if row.key not in known:
            yield Finding(INVENTED, f"{row.key}: {row.content}")
        elif row.content != known[row.key]:
            yield Finding(WRONG, f"{row.key}: {row.content}, appended was {known[row.key]}")
    here = promises.under_way.keys() & count.keys()
    if here and len(here) < len(promises.under_way):
        yield Finding(WRONG, f"{len(here)} of {len(promises.under_way)} of one append are there")


def _judge_epoch(promises: Promises, held: Held) -> Iterator[Finding]:
    if promises.salvage_is_due:
        return
    if promises.epoch is not None and held.epoch != promises.epoch:
        yield Finding(SALVAGED, f"epoch {promises.epoch} became {held.epoch}")
    elif promises.epoch is None and held.salvages:
        yield Finding(SALVAGED, "an outbox that had only just been made")


def _judge_batches(promises: Promises, held: Held) -> Iterator[Finding]:
    last = promises.last_number(held.epoch)
    if held.sealed < last:
        yield Finding(RENUMBERED, f"number {last} was used, the count stands at {held.sealed}")
    for one in held.batches:
        number = held.epoch, one.seq
        promised = promises.batches.get(number)
        if promised is not None and promised.digest != one.digest:
            yield Finding(RENUMBERED, f"number {one.seq} has other bytes than it was used with")
        if one.state not in ("unconfirmed", promises.settling.get(number)):
            yield Finding(AHEAD, f"number {one.seq} is {one.state}, nobody said so")
        if number in promises.settled and one.state != promises.settled[number]:
            yield Finding(LOST, f"the server's word on number {one.seq}, which is {one.state}")
