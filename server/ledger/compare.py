"""Finds what a gateway has yet to see confirmed and is stored here: carried by hand, perhaps.

Its numbers alone would not do: an outbox that was put back from a copy gives them out a second
time. So the gateway names digests of its batches, and only what is the same bytes is confirmed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Connection, select

from server.db.tables import journal
from server.ledger.book import Epoch
from server.ledger.pauses import Pauses
from server.ledger.runs import Fate, Span
from server.ledger.tally import Tally, read_newest_spans, read_newest_spans_of
from wire.messages import BLOCK_BATCHES, MAX_RANGES, Block, Command, CommandKind, block_digest


@dataclass(frozen=True, slots=True)
class Comparable:
    """Spans stored here, among which a gateway holds at least `excess` for unconfirmed."""

    epoch: Epoch
    excess: int
    spans: Sequence[Span]


def find_comparable(
    connection: Connection, gateway: str, reported: Sequence[Tally]
) -> list[Comparable]:
    """Look for epochs of which less is missing here than their gateway means to send.

    The newest spans are named: what lies far back has long been sent, carried or asked for.
    """
    found: list[Comparable] = []
    for tally in reported:
        if tally.unheard_of:
            epoch = Epoch(gateway, tally.epoch)
            spans = read_newest_spans(connection, epoch, Fate.STORED, MAX_RANGES)
            if spans:
                found.append(Comparable(epoch, tally.unheard_of, spans))
    return found


def find_comparable_of(
    connection: Connection, reported: Mapping[str, Sequence[Tally]]
) -> dict[str, list[Comparable]]:
    """Do the same for many gateways; on PostgreSQL."""
    excess = {
        Epoch(gateway, tally.epoch): tally.unheard_of
        for gateway, tallies in reported.items()
        for tally in tallies
        if tally.unheard_of
    }
    if not excess:
        return {}
    spans = read_newest_spans_of(connection, list(excess), Fate.STORED, MAX_RANGES)
    found: dict[str, list[Comparable]] = {}
    for epoch, count in excess.items():
        if own := spans.get(epoch):
            found.setdefault(epoch.gateway, []).append(Comparable(epoch, count, own))
    return found


def find_same(connection: Connection, epoch: Epoch, blocks: Sequence[Block]) -> list[Span]:
    """Tell which blocks of batches are stored here, byte for byte."""
    return [
        (first, last)
        for first, last, digest in blocks
        if first <= last < first + BLOCK_BATCHES
        and _digest(connection, epoch, (first, last)) == digest
    ]


def following(connection: Connection, epoch: Epoch, seq: int) -> list[Span]:
    """List what else is stored, behind a number: the newest spans of it."""
    spans = read_newest_spans(connection, epoch, Fate.STORED, MAX_RANGES)
    return [(max(first, seq + 1), last) for first, last in spans if last > seq]


def command(epoch: Epoch, spans: Sequence[Span]) -> Command:
    """Ask a gateway which batches it counts as unconfirmed among these."""
    return Command(kind=CommandKind.COMPARE.value, epoch=epoch.name, ranges=list(spans))


class Told(Protocol):
    """What gateways have lately been told by receipts."""

    def told(self, epoch: Epoch, now_s: float) -> int:
        """Count the batches: their receipts may have crossed the status that lacks them."""
        ...


@dataclass(slots=True)
class Comparisons:
    """What was asked, and when. Times are seconds on any one monotonic clock."""

    _pauses: Pauses = field(default_factory=Pauses)

    def take(
        self, found: Sequence[Comparable], receipts: Told, now_s: float
    ) -> tuple[str, Command] | None:
        """Give the command to send now, with its gateway: not for what receipts tell it anyway."""
        for one in found:
            what = (one.excess, one.spans)
            told = receipts.told(one.epoch, now_s)
            if one.excess > told and self._pauses.is_due(one.epoch, what, now_s):
                return one.epoch.gateway, command(one.epoch, one.spans)
        return None


def _digest(connection: Connection, epoch: Epoch, span: Span) -> str:
    rows = connection.execute(
        select(journal.c.seq, journal.c.digest)
        .where(
            journal.c.gateway == epoch.gateway,
            journal.c.epoch == epoch.name,
            journal.c.seq.between(*span),
            journal.c.status == Fate.STORED.value,
        )
        .order_by(journal.c.seq)
        .limit(BLOCK_BATCHES + 1)
    ).all()
    if [row.seq for row in rows] != list(range(span[0], span[1] + 1)):
        return ""
    return block_digest(bytes(row.digest) for row in rows)
