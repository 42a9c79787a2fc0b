"""Writes the ledger, inside the transaction that stores what it tells of."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from server.db.tables import gateway_epoch, ledger_range
from server.ledger.runs import Fate, Run, Span, count, place, subtract, union
from wire.messages import OutboxFigures
from wire.topics import MAX_SEQ

# Of ranges that end or begin beside a number, at most three touch it or its neighbours.
_NEIGHBOURS = 3


@dataclass(frozen=True, slots=True)
class Epoch:
    """One outbox file of a gateway."""

    gateway: str
    name: str


def note(connection: Connection, epoch: Epoch, seq: int, fate: Fate, now_ms: int) -> None:
    """Write down what became of a batch; one that is stored stays so whatever follows."""
    if _lay(connection, epoch, Run(seq, seq, fate)):
        remember(connection, epoch, now_ms)


def note_gone(connection: Connection, epoch: Epoch, gone: Sequence[Span]) -> int:
    """Write down what a gateway no longer has, as far as it is sealed and has not come; count it.

    An epoch that is not known has nothing sealed.
    """
    sealed = connection.execute(select(gateway_epoch.c.sealed).where(_is(epoch))).scalar() or 0
    asked = [(first, min(last, sealed)) for first, last in union(gone) if first <= sealed]
    if not asked:
        return 0
    holes = subtract(asked, _within(connection, epoch, (asked[0][0], asked[-1][1])))
    for first, last in holes:
        _lay(connection, epoch, Run(first, last, Fate.LOST))
    return count(holes)


def note_figures(
    connection: Connection, epoch: Epoch, figures: OutboxFigures, at_ms: int, *, retained: bool
) -> None:
    """Keep what a gateway says of an outbox; `at_ms` is when it was so. No number is unsealed.

    A retained word does not go before what was heard since.
    """
    remember(connection, epoch, at_ms)
    known = connection.execute(
        select(gateway_epoch.c.reported_at, gateway_epoch.c.sealed).where(_is(epoch))
    ).one()
    if retained and known.reported_at is not None and at_ms < known.reported_at:
        return
    connection.execute(
        update(gateway_epoch)
        .where(_is(epoch))
        .values(
            reported_at=at_ms,
            sealed=max(known.sealed, figures.sealed),
            unconfirmed=figures.unconfirmed,
            refused=figures.refused,
            lost=figures.lost,
        )
    )


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


def _lay(connection: Connection, epoch: Epoch, new: Run) -> bool:
    """Lay a run that lies within one run or one hole; tell whether that began a range."""
    before = _beside(connection, epoch, new)
    after = {run.first: run for run in place(before, new)}
    ended = [run.first for run in before if run.first not in after]
    began = [run for first, run in after.items() if all(first != one.first for one in before)]
    if ended:
        connection.execute(delete(ledger_range).where(_of(epoch), ledger_range.c.first.in_(ended)))
    for run in before:
        changed = after.get(run.first, run)
        if changed != run:
            connection.execute(
                update(ledger_range)
                .where(_of(epoch), ledger_range.c.first == run.first)
                .values(last=changed.last, fate=changed.fate.value)
            )
    for run in began:
        row = {"first": run.first, "last": run.last, "fate": run.fate.value}
        where = {"gateway": epoch.gateway, "epoch": epoch.name}
        connection.execute(insert(ledger_range).values(row | where))
    return bool(began)


def _beside(connection: Connection, epoch: Epoch, run: Run) -> list[Run]:
    """Read the runs around one, in order: those it lies in, follows, or goes before."""
    rows = connection.execute(
        select(ledger_range.c.first, ledger_range.c.last, ledger_range.c.fate)
        .where(_of(epoch), ledger_range.c.first <= min(run.last + 1, MAX_SEQ))
        .order_by(ledger_range.c.first.desc())
        .limit(_NEIGHBOURS)
    ).all()
    return [Run(row.first, row.last, Fate(row.fate)) for row in reversed(rows)]


def _within(connection: Connection, epoch: Epoch, span: Span) -> list[Span]:
    first, last = span
    rows = connection.execute(
        select(ledger_range.c.first, ledger_range.c.last)
        .where(_of(epoch), ledger_range.c.first <= last, ledger_range.c.last >= first)
        .order_by(ledger_range.c.first)
    )
    return [(row.first, row.last) for row in rows]
