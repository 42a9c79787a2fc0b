"""Which entries of the journal a replay takes up, and in which pieces of time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, or_, select

from server.db.tables import journal
from server.ingest.events import Status
from wire.batch import MAX_TIME_MS

# So many observations are decoded and put in order at once.
WINDOW_VALUES = 200_000


@dataclass(frozen=True, slots=True)
class Span:
    """From an instant (ms) up to but not including another."""

    from_ms: int
    to_ms: int


# Its end is the last instant that both databases hold.
EVER = Span(0, MAX_TIME_MS)


class Head(NamedTuple):
    """A stored entry: the instants (ms) of its first and last observation, and how many it has."""

    id: int
    first: int
    last: int
    values: int


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of time and every entry that has something in it; `fresh` counts those not seen yet.

    What lies in no window holds nothing of these entries.
    """

    span: Span
    heads: Sequence[Head]
    fresh: int


def stored(connection: Connection, gateway: str, span: Span) -> list[Head]:
    """List the stored entries of a gateway with something measured in a span, by first instant."""
    rows = connection.execute(
        select(
            journal.c.id, journal.c.first_time, journal.c.last_time, journal.c.observations
        ).where(
            journal.c.gateway == gateway,
            journal.c.status == Status.STORED.value,
            journal.c.first_time < span.to_ms,
            journal.c.last_time >= span.from_ms,
        )
    )
    return sorted(map(Head._make, rows), key=lambda head: head.first)


def not_stored(connection: Connection, gateway: str, span: Span) -> list[int]:
    """List what a gateway sent within a span and that was refused or waits, as it came."""
    return list(
        connection.execute(
            select(journal.c.id)
            .where(
                journal.c.gateway == gateway,
                journal.c.status.in_([Status.REFUSED.value, Status.WAITING.value]),
                journal.c.received_at >= span.from_ms,
                journal.c.received_at < span.to_ms,
                or_(journal.c.epoch.is_not(None), journal.c.topic.endswith("/senml")),
            )
            .order_by(journal.c.id)
        ).scalars()
    )


def windows(heads: Sequence[Head], span: Span, limit: int = WINDOW_VALUES) -> Iterator[Window]:
    """Cut a span so that each piece takes up about `limit` observations of the entries.

    `heads` are in order of their first instants.
    """
    taken, start = 0, span.from_ms
    going_on: list[Head] = []
    while taken < len(heads) or going_on:
        if not going_on:
            start = max(start, heads[taken].first)
        fresh = _count_fresh(heads, taken, start, limit)
        here = [*going_on, *heads[taken : taken + fresh]]
        taken += fresh
        end = heads[taken].first if taken < len(heads) else max(head.last for head in here) + 1
        end = min(end, span.to_ms)
        yield Window(Span(start, end), here, fresh)
        going_on = [head for head in here if head.last >= end and end < span.to_ms]
        start = end


def _count_fresh(heads: Sequence[Head], taken: int, start: int, limit: int) -> int:
    """Count the entries to take up next: all that begin at once, then as many as the limit lets."""
    values = 0
    for index in range(taken, len(heads)):
        if heads[index].first > start and values >= limit:
            return index - taken
        values += heads[index].values
    return len(heads) - taken
