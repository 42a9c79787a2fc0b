"""The whole account of a gateway: its outboxes, the batches that lack, the gaps of its series."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from server.db.tables import gateway, journal
from server.ledger.book import Epoch
from server.ledger.gaps import Cause, Window
from server.ledger.runs import Fate, union
from server.ledger.runs import Span as Seqs
from server.ledger.series import SeriesGaps, Span, read_series
from server.ledger.tally import Tally, read_holes, read_spans, read_tallies
from server.store.port import Store

# What is listed of each outbox.
MAX_SPANS = 50

_CAUSES = {Fate.WAITING: Cause.WAITING, Fate.REFUSED: Cause.REFUSED, Fate.LOST: Cause.LOST}


@dataclass(frozen=True, slots=True)
class Lack:
    """Batches that are not stored, why, and between which instants they were measured (ms)."""

    first: int
    last: int
    cause: Cause
    from_ms: int | None
    to_ms: int | None


@dataclass(frozen=True, slots=True)
class Outbox:
    """One outbox file of a gateway: its figures, and what of it lacks."""

    tally: Tally
    lacks: Sequence[Lack]


@dataclass(frozen=True, slots=True)
class Account:
    """How complete everything is that a gateway has sealed and measured."""

    gateway: str
    span: Span
    outboxes: Sequence[Outbox]
    series: Sequence[SeriesGaps]


def read_gateways(connection: Connection) -> list[str]:
    """List all gateways by name."""
    return list(connection.execute(select(gateway.c.id).order_by(gateway.c.id)).scalars())


def read_account(
    connection: Connection, store: Store, gateway_id: str, span: Span
) -> Account | None:
    """Read the account of a gateway; None when there is no such gateway."""
    known = connection.execute(select(gateway.c.id).where(gateway.c.id == gateway_id)).first()
    if known is None:
        return None
    tallies = read_tallies(connection, gateway_id)
    outboxes = [
        Outbox(tally, _lacks(connection, Epoch(gateway_id, tally.epoch), tally))
        for tally in tallies
    ]
    windows = [
        Window(lack.from_ms, lack.to_ms, lack.cause) for one in outboxes for lack in one.lacks
    ]
    return Account(
        gateway_id, span, outboxes, read_series(connection, store, gateway_id, span, windows)
    )


def _lacks(connection: Connection, epoch: Epoch, tally: Tally) -> list[Lack]:
    found: list[tuple[Seqs, Cause]] = []
    if tally.unaccounted:
        holes = read_holes(connection, epoch, tally.sealed, MAX_SPANS)
        found += [(span, _cause(tally)) for span in holes]
    for fate, cause in _CAUSES.items():
        if tally.fates.get(fate):
            found += [(span, cause) for span in read_spans(connection, epoch, fate, MAX_SPANS)]
    # Nothing is stored under the numbers that were carried over either.
    carried = read_spans(connection, epoch, Fate.CARRIED, MAX_SPANS) if tally.carried else []
    blocks = union([*carried, *(span for span, _ in found)])
    times = _times(connection, epoch, [seq for a, b in blocks for seq in (a - 1, b + 1)])
    return [
        _lack(span, cause, times, block)
        for span, cause in found
        for block in blocks
        if block[0] <= span[0] <= block[1]
    ]


def _cause(tally: Tally) -> Cause:
    """Say why a hole is one; which of several holes are those that were counted is not known."""
    if tally.set_aside:
        return Cause.SET_ASIDE
    return Cause.NOT_YET_RECEIVED if tally.holes else Cause.LOST


def _lack(span: Seqs, cause: Cause, times: dict[int, tuple[int, int]], block: Seqs) -> Lack:
    """Bound a span by the stored batches around it and what lacks beside it.

    History that was brought in may lie out of order.
    """
    before, after = times.get(block[0] - 1), times.get(block[1] + 1)
    from_ms = before[1] if before else None
    to_ms = after[0] if after else None
    if from_ms is not None and to_ms is not None and from_ms > to_ms:
        from_ms, to_ms = to_ms, from_ms
    return Lack(*span, cause, from_ms, to_ms)


def _times(connection: Connection, epoch: Epoch, seqs: list[int]) -> dict[int, tuple[int, int]]:
    """Map the stored batches among some numbers to the instants they span."""
    rows = connection.execute(
        select(journal.c.seq, func.min(journal.c.first_time), func.max(journal.c.last_time))
        .where(
            journal.c.gateway == epoch.gateway,
            journal.c.epoch == epoch.name,
            journal.c.seq.in_(seqs),
            journal.c.first_time.is_not(None),
        )
        .group_by(journal.c.seq)
    )
    return {seq: (first, last) for seq, first, last in rows}
