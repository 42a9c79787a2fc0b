"""Reads how complete each outbox of a gateway has arrived, and which numbers have not."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, true

from server.db.members import pairs
from server.db.tables import gateway_epoch, ledger_range
from server.ledger.book import Epoch
from server.ledger.runs import Fate, Span

# Of how many outboxes the newest are looked at.
MAX_EPOCHS = 8

_AT = ledger_range.c
# Of those first heard of together, the one in use is the newest.
_NEWEST_FIRST = (
    gateway_epoch.c.first_seen_at.desc(),
    gateway_epoch.c.closed,
    gateway_epoch.c.epoch,
)
_SUMS: Select[Any] = select(
    _AT.gateway,
    _AT.epoch,
    _AT.fate,
    func.sum(_AT.last - _AT.first + 1).label("batches"),
    func.max(_AT.last).label("highest"),
).group_by(_AT.gateway, _AT.epoch, _AT.fate)


@dataclass(frozen=True, slots=True)
class Tally:
    """One outbox file in numbers of batches, as its gateway reported and as they arrived.

    `sealed` is what the gateway said or the highest number seen, whichever is more.
    """

    epoch: str
    first_seen_at: int
    reported_at: int | None
    sealed: int
    unconfirmed: int
    reported_lost: int
    fates: dict[Fate, int] = field(default_factory=dict)
    closed: bool = False

    @property
    def stored(self) -> int:
        """Batches in the database."""
        return self.fates.get(Fate.STORED, 0)

    @property
    def refused(self) -> int:
        """Batches that are journalled but cannot be used."""
        return self.fates.get(Fate.REFUSED, 0)

    @property
    def waiting(self) -> int:
        """Batches that are journalled and wait for an inventory."""
        return self.fates.get(Fate.WAITING, 0)

    @property
    def carried(self) -> int:
        """Batches that have not arrived, and whose readings go on under a newer epoch."""
        return self.fates.get(Fate.CARRIED, 0)

    @property
    def unaccounted(self) -> int:
        """Numbers of which nothing is known but that they are sealed."""
        return self.sealed - sum(self.fates.values())

    @property
    def lost(self) -> int:
        """Batches their gateway no longer has, whether it has named them yet or only counted."""
        return self._named_lost + self._unnamed_lost

    @property
    def holes(self) -> int:
        """Batches that have not arrived and still may."""
        return 0 if self.closed else self.unaccounted - self._unnamed_lost

    @property
    def set_aside(self) -> int:
        """Batches that have not arrived, and lie in a file that only a person opens any more."""
        return self.unaccounted - self._unnamed_lost if self.closed else 0

    @property
    def expected(self) -> int:
        """Batches that are sealed and were not carried over: those count where they went."""
        return self.sealed - self.carried

    @property
    def completeness(self) -> float:
        """Share of the batches expected that is stored, in percent, rounded down to hundredths."""
        return percent(self.stored, self.expected)

    @property
    def has_unsent_holes(self) -> bool:
        """Tell whether more is missing than what the gateway knows that it has yet to send."""
        return not self.closed and self.unaccounted + self.waiting > self.unconfirmed

    @property
    def unheard_of(self) -> int:
        """Count what its gateway must be holding for unconfirmed though it is settled here.

        The mirror of the above: less is missing than what the gateway knows that it has yet to
        send, so at least the difference has arrived. 0 while more may be missing.
        """
        return 0 if self.closed else max(0, self.unconfirmed - self.unaccounted - self.waiting)

    @property
    def _named_lost(self) -> int:
        return self.fates.get(Fate.LOST, 0)

    @property
    def _unnamed_lost(self) -> int:
        return min(self.unaccounted, max(0, self.reported_lost - self._named_lost))


def percent(part: int, whole: int) -> float:
    """Give a share in percent, rounded down to hundredths: only what is whole makes 100."""
    return math.floor(part * 10_000 / whole) / 100 if whole else 100.0


def read_tallies(
    connection: Connection, gateway: str, epochs: Sequence[str] | None = None
) -> list[Tally]:
    """Read the outbox files of a gateway that are named, else the last ones; the newest first."""
    if epochs is None:
        epochs = newest_epochs(connection, gateway, MAX_EPOCHS)
    rows = connection.execute(
        select(gateway_epoch)
        .where(gateway_epoch.c.gateway == gateway, gateway_epoch.c.epoch.in_(epochs))
        .order_by(*_NEWEST_FIRST)
    ).all()
    sums = connection.execute(_SUMS.where(_AT.gateway == gateway, _AT.epoch.in_(epochs))).all()
    return _tallies(rows, sums).get(gateway, [])


def read_tallies_of(connection: Connection, epochs: Sequence[Epoch]) -> dict[str, list[Tally]]:
    """Read outbox files of many gateways, of each the newest first; on PostgreSQL."""
    keys = pairs([(one.gateway, one.name) for one in epochs], "gateway", "epoch")
    own = gateway_epoch.c
    rows = connection.execute(
        select(gateway_epoch)
        .join(keys, (own.gateway == keys.c.gateway) & (own.epoch == keys.c.epoch))
        .order_by(*_NEWEST_FIRST)
    ).all()
    sums = connection.execute(
        _SUMS.join(keys, (_AT.gateway == keys.c.gateway) & (_AT.epoch == keys.c.epoch))
    ).all()
    return _tallies(rows, sums)


def _tallies(rows: Iterable[Row[Any]], sums: Iterable[Row[Any]]) -> dict[str, list[Tally]]:
    """Put together what gateways reported with what arrived, by gateway."""
    arrived: dict[tuple[str, str], list[Row[Any]]] = {}
    for one in sums:
        arrived.setdefault((one.gateway, one.epoch), []).append(one)
    found: dict[str, list[Tally]] = {}
    for row in rows:
        own = arrived.get((row.gateway, row.epoch), [])
        tally = Tally(
            epoch=row.epoch,
            first_seen_at=row.first_seen_at,
            reported_at=row.reported_at,
            sealed=max(row.sealed, *(one.highest for one in own), 0),
            unconfirmed=row.unconfirmed,
            reported_lost=row.lost,
            fates={Fate(one.fate): int(one.batches) for one in own},
            closed=row.closed,
        )
        found.setdefault(row.gateway, []).append(tally)
    return found


def newest_epochs(connection: Connection, gateway: str, limit: int) -> list[str]:
    """Name the outbox files of a gateway, the newest first."""
    rows = connection.execute(
        select(gateway_epoch.c.epoch)
        .where(gateway_epoch.c.gateway == gateway)
        .order_by(*_NEWEST_FIRST)
        .limit(limit)
    )
    return list(rows.scalars())


def read_holes(connection: Connection, epoch: Epoch, sealed: int, limit: int) -> list[Span]:
    """List the numbers up to `sealed` that are in no range, the first `limit` spans of them."""
    own = (_AT.gateway == epoch.gateway, _AT.epoch == epoch.name)
    before = func.lag(_AT.last, 1, 0).over(order_by=_AT.first).label("before")
    ranges = select(before, _AT.first).where(*own).subquery()
    rows = connection.execute(
        select(ranges.c.before, ranges.c.first)
        .where(ranges.c.first > ranges.c.before + 1)
        .order_by(ranges.c.first)
        .limit(limit)
    )
    holes = [(row.before + 1, row.first - 1) for row in rows]
    highest = connection.execute(select(func.max(_AT.last)).where(*own)).scalar() or 0
    if highest < sealed:
        holes.append((highest + 1, sealed))
    return [(first, min(last, sealed)) for first, last in holes if first <= sealed][:limit]


def read_spans(connection: Connection, epoch: Epoch, fate: Fate, limit: int) -> list[Span]:
    """List the ranges of one fate, the first `limit` of them."""
    rows = connection.execute(
        select(_AT.first, _AT.last)
        .where(_AT.gateway == epoch.gateway, _AT.epoch == epoch.name, _AT.fate == fate.value)
        .order_by(_AT.first)
        .limit(limit)
    )
    return [(row.first, row.last) for row in rows]


def read_newest_spans(connection: Connection, epoch: Epoch, fate: Fate, limit: int) -> list[Span]:
    """List the ranges of one fate with the highest numbers, at most `limit`, in order."""
    rows = connection.execute(
        select(_AT.first, _AT.last)
        .where(_AT.gateway == epoch.gateway, _AT.epoch == epoch.name, _AT.fate == fate.value)
        .order_by(_AT.first.desc())
        .limit(limit)
    ).all()
    return [(row.first, row.last) for row in reversed(rows)]


def read_newest_spans_of(
    connection: Connection, epochs: Sequence[Epoch], fate: Fate, limit: int
) -> dict[Epoch, list[Span]]:
    """Do the same for many epochs; on PostgreSQL."""
    keys = pairs([(one.gateway, one.name) for one in epochs], "gateway", "epoch")
    own = (
        select(_AT.first, _AT.last)
        .where(*(_AT.gateway == keys.c.gateway, _AT.epoch == keys.c.epoch), _AT.fate == fate.value)
        .order_by(_AT.first.desc())
        .limit(limit)
        .lateral()
    )
    rows = connection.execute(
        select(keys.c.gateway, keys.c.epoch, own.c.first, own.c.last)
        .join(own, true())
        .order_by(own.c.first)
    )
    found: dict[Epoch, list[Span]] = {}
    for gateway, epoch, first, last in rows:
        found.setdefault(Epoch(gateway, epoch), []).append((first, last))
    return found
