"""Writes the ledger, inside the transaction that stores what it tells of."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    insert,
    select,
    text,
    update,
)

from server.db.instant import to_datetime
from server.db.tables import gateway_epoch, ledger_range
from server.ledger.runs import Fate, Run, Span, count, place, union, yielding
from wire.messages import OutboxFigures
from wire.topics import MAX_SEQ

# Of ranges that end or begin beside a number, at most three touch it or its neighbours.
_NEIGHBOURS = 3
# Ranges looked through at once for what a gateway says of many numbers; what lies behind them stays
# as it is. An honest ledger has some dozens of them.
MAX_LOOKED_THROUGH = 20_000
_FATES = {fate.value: fate for fate in Fate}
_CAME = {Fate.STORED, Fate.REFUSED, Fate.WAITING}

# The numbers looked for go in as arrays, or as JSON: the text does not grow with their count.
_NEAR = {
    "postgresql": """
unnest(CAST(:gateways AS text[]), CAST(:epochs AS text[]), CAST(:lows AS bigint[]),
    CAST(:highs AS bigint[])) AS near (gateway, epoch, lowest, highest)
""",
    "sqlite": """
(SELECT value ->> 0 AS gateway, value ->> 1 AS epoch, value ->> 2 AS lowest, value ->> 3 AS highest
    FROM json_each(:near)) AS near
""",
}
_PAGE = {
    dialect: text(f"""
SELECT r.gateway, r.epoch, r.first, r.last, r.fate FROM {near}
JOIN ledger_range r ON r.gateway = near.gateway AND r.epoch = near.epoch
    AND r.first <= near.highest AND r.last >= near.lowest
ORDER BY r.gateway, r.epoch, r.first
""")  # noqa: S608 - constants only
    for dialect, near in _NEAR.items()
}
_KEYS = "CAST(:gateways AS text[]), CAST(:epochs AS text[]), CAST(:firsts AS bigint[])"
_RUNS = f"{_KEYS}, CAST(:lasts AS bigint[]), CAST(:fates AS text[])"
_NAMED = "AS run (gateway, epoch, first, last, fate)"
_SAME = "r.gateway = run.gateway AND r.epoch = run.epoch AND r.first = run.first"
_DELETE_ALL = text(
    f"DELETE FROM ledger_range r USING unnest({_RUNS}) {_NAMED} WHERE {_SAME}"  # noqa: S608
)
_UPDATE_ALL = text(
    f"UPDATE ledger_range r SET last = run.last, fate = run.fate"  # noqa: S608
    f" FROM unnest({_RUNS}) {_NAMED} WHERE {_SAME}"
)
_INSERT_ALL = text(
    f"INSERT INTO ledger_range (gateway, epoch, first, last, fate) SELECT * FROM unnest({_RUNS})"  # noqa: S608
)
_REMEMBER_ALL = text("""
INSERT INTO gateway_epoch (gateway, epoch, first_seen_at)
SELECT gateway, epoch, timestamptz '1970-01-01 00:00Z' + :now_ms * interval '1 millisecond'
FROM unnest(CAST(:gateways AS text[]), CAST(:epochs AS text[])) AS fresh (gateway, epoch)
ON CONFLICT DO NOTHING
""")
_KEEP = """
INSERT INTO gateway_epoch AS known (gateway, epoch, first_seen_at, reported_at, sealed,
    unconfirmed, refused, lost, closed)
SELECT gateway, epoch, at, at, sealed, unconfirmed, refused, lost, closed
FROM unnest(CAST(:gateways AS text[]), CAST(:epochs AS text[]), CAST(:at AS timestamptz[]),
    CAST(:sealed AS bigint[]), CAST(:unconfirmed AS bigint[]), CAST(:refused AS bigint[]),
    CAST(:lost AS bigint[]), CAST(:closed AS boolean[]))
    AS said (gateway, epoch, at, sealed, unconfirmed, refused, lost, closed)
ON CONFLICT (gateway, epoch) DO UPDATE SET reported_at = excluded.reported_at,
    sealed = greatest(known.sealed, excluded.sealed), unconfirmed = excluded.unconfirmed,
    refused = excluded.refused, lost = excluded.lost, closed = excluded.closed
"""
_KEEP_LIVE = text(_KEEP)
_KEEP_RETAINED = text(
    _KEEP + "WHERE known.reported_at IS NULL OR known.reported_at <= excluded.reported_at"
)
_WHERE = (
    ledger_range.c.gateway == bindparam("of_gateway"),
    ledger_range.c.epoch == bindparam("of_epoch"),
    ledger_range.c.first == bindparam("of_first"),
)
_DELETE = delete(ledger_range).where(*_WHERE)
_UPDATE = (
    update(ledger_range).where(*_WHERE).values(last=bindparam("to_last"), fate=bindparam("to_fate"))
)
_INSERT = insert(ledger_range).values(
    gateway=bindparam("of_gateway"),
    epoch=bindparam("of_epoch"),
    first=bindparam("of_first"),
    last=bindparam("to_last"),
    fate=bindparam("to_fate"),
)


@dataclass(frozen=True, slots=True)
class Epoch:
    """One outbox file of a gateway."""

    gateway: str
    name: str


@dataclass(frozen=True, slots=True)
class Page:
    """The ranges around some numbers of several epochs, of each in order."""

    runs: Mapping[Epoch, Sequence[Run]]

    def knows(self, epoch: Epoch, seq: int) -> bool:
        """Tell whether a batch is in the journal, or was: what came has a fate of its own."""
        runs = self.runs[epoch]
        at = bisect_right(runs, seq, key=lambda run: run.first) - 1
        return at >= 0 and seq <= runs[at].last and runs[at].fate in _CAME


@dataclass(frozen=True, slots=True)
class Said:
    """What a gateway says of an outbox; `at_ms` is when it was so."""

    epoch: Epoch
    figures: OutboxFigures
    at_ms: int


@dataclass(frozen=True, slots=True)
class _Change:
    """Ranges of an epoch as they were read, and as they are to be."""

    epoch: Epoch
    before: Sequence[Run]
    after: Sequence[Run]


def note(connection: Connection, epoch: Epoch, seq: int, fate: Fate, now_ms: int) -> None:
    """Write down what became of a batch; one that is stored stays so whatever follows."""
    before = _beside(connection, epoch, seq)
    if _rewrite(connection, [_Change(epoch, before, place(before, [(seq, seq)], fate))]):
        remember(connection, epoch, now_ms)


def read_page(connection: Connection, spans: Mapping[Epoch, Sequence[Span]]) -> Page:
    """Read what is written of numbers in spans, and beside them, of several epochs at once."""
    if not spans:
        return Page({})
    near = [_reach(epoch, own) for epoch, own in spans.items()]
    dialect = connection.dialect.name
    keys: dict[str, object] = {"near": json.dumps(near)}
    if dialect == "postgresql":
        columns = map(list, zip(*near, strict=True))
        keys = dict(zip(("gateways", "epochs", "lows", "highs"), columns, strict=True))
    runs: dict[Epoch, list[Run]] = {epoch: [] for epoch in spans}
    for gateway, epoch, first, last, fate in connection.execute(_PAGE[dialect], keys):
        runs[Epoch(gateway, epoch)].append(Run(first, last, _FATES[fate]))
    return Page(runs)


def note_stored(
    connection: Connection, page: Page, spans: Mapping[Epoch, Sequence[Span]], now_ms: int
) -> None:
    """Write down that batches are stored, given what is written around them."""
    changes = [
        _Change(epoch, page.runs[epoch], place(page.runs[epoch], own, Fate.STORED))
        for epoch, own in spans.items()
    ]
    fresh = _rewrite(connection, changes)
    if fresh and connection.dialect.name == "postgresql":
        names = {"gateways": [one.gateway for one in fresh], "epochs": [one.name for one in fresh]}
        connection.execute(_REMEMBER_ALL, names | {"now_ms": now_ms})
        return
    for epoch in fresh:
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


def note_all_figures(connection: Connection, said: Sequence[Said], *, retained: bool) -> None:
    """Keep what gateways say of outboxes, each named once; on PostgreSQL.

    The same as `note_figures` for each, of those of which nothing was carried over.
    """
    if not said:
        return
    figures = [one.figures for one in said]
    values = {
        "gateways": [one.epoch.gateway for one in said],
        "epochs": [one.epoch.name for one in said],
        "at": [to_datetime(one.at_ms) for one in said],
        "sealed": [one.sealed for one in figures],
        "unconfirmed": [one.unconfirmed for one in figures],
        "refused": [one.refused for one in figures],
        "lost": [one.lost for one in figures],
        "closed": [one.closed for one in figures],
    }
    connection.execute(_KEEP_RETAINED if retained else _KEEP_LIVE, values)


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
    _rewrite(connection, [_Change(epoch, before, place(before, spans, fate))])
    return count(yielding(before, spans, fate))


def _rewrite(connection: Connection, changes: Iterable[_Change]) -> list[Epoch]:
    """Make the ranges that were read what they are to be; list the epochs in which one began."""
    ended: list[dict[str, object]] = []
    changed: list[dict[str, object]] = []
    began: list[dict[str, object]] = []
    fresh: list[Epoch] = []
    for one in changes:
        where: dict[str, object] = {"of_gateway": one.epoch.gateway, "of_epoch": one.epoch.name}
        starts = {run.first: run for run in one.before}
        kept = {run.first for run in one.after}
        ended += [where | {"of_first": first} for first in starts if first not in kept]
        for run in one.after:
            row = where | {"of_first": run.first, "to_last": run.last, "to_fate": run.fate.value}
            if run.first not in starts:
                began.append(row)
                fresh.append(one.epoch)
            elif run != starts[run.first]:
                changed.append(row)
    if connection.dialect.name == "postgresql":
        for together, rows in ((_DELETE_ALL, ended), (_UPDATE_ALL, changed), (_INSERT_ALL, began)):
            if rows:
                connection.execute(together, _as_arrays(rows))
        return list(dict.fromkeys(fresh))
    for statement, rows in ((_DELETE, ended), (_UPDATE, changed), (_INSERT, began)):
        if rows:
            connection.execute(statement, rows)
    return list(dict.fromkeys(fresh))


def _as_arrays(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {
        "gateways": [row["of_gateway"] for row in rows],
        "epochs": [row["of_epoch"] for row in rows],
        "firsts": [row["of_first"] for row in rows],
        "lasts": [row.get("to_last") for row in rows],
        "fates": [row.get("to_fate") for row in rows],
    }


def _reach(epoch: Epoch, spans: Sequence[Span]) -> tuple[str, str, int, int]:
    lowest, highest = min(first for first, _ in spans), max(last for _, last in spans)
    return epoch.gateway, epoch.name, lowest - 1, min(highest + 1, MAX_SEQ)


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
