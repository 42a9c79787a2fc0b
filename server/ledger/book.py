"""Writes the ledger, inside the transaction that stores what it tells of."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from server.db.tables import gateway_epoch, ledger_range
from server.ledger.runs import Fate, Run, Span, count, place, union, yielding
from wire.messages import OutboxFigures
from wire.topics import MAX_SEQ

# Of ranges that end or begin beside a number, at most three touch it or its neighbours.
_NEIGHBOURS = 3
# Ranges looked through at once for what a gateway says of many numbers; what lies behind them stays
# as it is. An honest ledger has some dozens of them.
MAX_LOOKED_THROUGH = 20_000
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Epoch:
    """One outbox file of a gateway."""

    gateway: str
    name: str


def note(connection: Connection, epoch: Epoch, seq: int, fate: Fate, now_ms: int) -> None:
    """Write down what became of a batch; one that is stored stays so whatever follows."""
    before = _beside(connection, epoch, seq)
    if _rewrite(connection, epoch, before, place(before, [(seq, seq)], fate)):
        remember(connection, epoch, now_ms)


def note_gone(connection: Connection, epoch: Epoch, gone: Sequence[Span]) -> int:
    """Write down what a gateway no longer has, as far as it is sealed and has not come; count it.

    An epoch that is not known has nothing sealed.
    """
    sealed = connection.execute(select(gateway_epoch.c.sealed).where(_is(epoch))).scalar() or 0
    return _lay(connection, epoch, gone, Fate.LOST, sealed)


def note_figures(
    connection: Connection, epoch: Epoch, figures: OutboxFigures, at_ms: int, *, retained: bool
) -> None:
    """Keep what a gateway says of an outbox; `at_ms` is when it was so. No number is unsealed.

    A retained word does not go before what was heard since. What of a closed outbox was carried
    over and has not come is written down as such.
    """
    remember(connection, epoch, at_ms)
    known = connection.execute(
        select(gateway_epoch.c.reported_at, gateway_epoch.c.sealed).where(_is(epoch))
    ).one()
    if retained and known.reported_at is not None and at_ms < known.reported_at:
        return
    sealed = max(known.sealed, figures.sealed)
    connection.execute(
        update(gateway_epoch)
        .where(_is(epoch))
        .values(
            reported_at=at_ms,
            sealed=sealed,
            unconfirmed=figures.unconfirmed,
            refused=figures.refused,
            lost=figures.lost,
            closed=figures.closed,
        )
    )
    if figures.closed:
        _lay(connection, epoch, figures.carried, Fate.CARRIED, sealed)


def remember(connection: Connection, epoch: Epoch, now_ms: int) -> None:
    """Make sure that an epoch has its row."""
    known = connection.execute(select(gateway_epoch.c.epoch).where(_is(epoch))).first()
    if known is None:
        row = {"gateway": epoch.gateway, "epoch": epoch.name, "first_seen_at": now_ms}
        connection.execute(insert(gateway_epoch).values(row))


def _is(epoch: Epoch) -> ColumnElement[bool]:
    return (gateway_epoch.c.gateway == epoch.gateway) & (gateway_epoch.c.epoch == epoch.name)


def _of(epoch: Epoch) -> ColumnElement[bool]:
    return (ledger_range.c.gateway == epoch.gateway) & (ledger_range.c.epoch == epoch.name)


def _lay(connection: Connection, epoch: Epoch, told: Sequence[Span], fate: Fate, to: int) -> int:
    """Lay what a gateway says of numbers up to `to`; count those of which it was news."""
    spans = [(first, min(last, to)) for first, last in union(told) if first <= min(last, to)]
    if not spans:
        return 0
    before, end = _around(connection, epoch, (spans[0][0], spans[-1][1]))
    spans = [(first, min(last, end)) for first, last in spans if first <= end]
    _rewrite(connection, epoch, before, place(before, spans, fate))
    return count(yielding(before, spans, fate))


def _rewrite(
    connection: Connection, epoch: Epoch, before: Sequence[Run], after: Sequence[Run]
) -> bool:
    """Make the ranges that were read what they are to be; tell whether one began."""
    starts = {run.first: run for run in before}
    kept = {run.first for run in after}
    ended = [first for first in starts if first not in kept]
    for at in range(0, len(ended), _CHUNK):
        chunk = ended[at : at + _CHUNK]
        connection.execute(delete(ledger_range).where(_of(epoch), ledger_range.c.first.in_(chunk)))
    for run in after:
        if run.first in starts and run != starts[run.first]:
            connection.execute(
                update(ledger_range)
                .where(_of(epoch), ledger_range.c.first == run.first)
                .values(last=run.last, fate=run.fate.value)
            )
    where: dict[str, object] = {"gateway": epoch.gateway, "epoch": epoch.name}
    began = [
        where | {"first": run.first, "last": run.last, "fate": run.fate.value}
        for run in after
        if run.first not in starts
    ]
    if began:
        connection.execute(insert(ledger_range), began)
    return bool(began)


def _beside(connection: Connection, epoch: Epoch, seq: int) -> list[Run]:
    """Read the runs around a number, in order: what it lies in, follows, or goes before."""
    rows = connection.execute(
        select(ledger_range.c.first, ledger_range.c.last, ledger_range.c.fate)
        .where(_of(epoch), ledger_range.c.first <= min(seq + 1, MAX_SEQ))
        .order_by(ledger_range.c.first.desc())
        .limit(_NEIGHBOURS)
    ).all()
    return [Run(row.first, row.last, Fate(row.fate)) for row in reversed(rows)]


def _around(connection: Connection, epoch: Epoch, span: Span) -> tuple[list[Run], int]:
    """Read the runs in a span and beside it, in order, and up to which number all were read."""
    first, last = span
    rows = connection.execute(
        select(ledger_range.c.first, ledger_range.c.last, ledger_range.c.fate)
        .where(
            _of(epoch),
            ledger_range.c.first <= min(last + 1, MAX_SEQ),
            ledger_range.c.last >= first - 1,
        )
        .order_by(ledger_range.c.first)
        .limit(MAX_LOOKED_THROUGH)
    ).all()
    runs = [Run(row.first, row.last, Fate(row.fate)) for row in rows]
    return runs, last if len(runs) < MAX_LOOKED_THROUGH else min(last, runs[-1].last)
