"""What has to be known of a datastream to read and to tell its series."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, bindparam, select
from sqlalchemy.dialects.postgresql.base import PGDialect

from server.db import tables as t
from server.store.reading.binary import Ask, Fields
from server.store.reading.bounded import reading, reading_first
from server.store.reading.rollups import ASK_HORIZONS, Horizons, horizons_of, read_horizons
from wire.properties import Aggregate

_SUMMED = {Aggregate.SUM.value}
_STEPPED = {Aggregate.LAST.value, Aggregate.COUNTER.value}


@dataclass(frozen=True, slots=True)
class Known:
    """A datastream, as far as its series goes."""

    id: int
    name: str
    property_key: str
    unit: str
    aggregate: str
    interval_s: float
    time_zone: str

    @property
    def is_direction(self) -> bool:
        """Tell whether its values are directions."""
        return self.aggregate == Aggregate.VECTOR_MEAN.value

    @property
    def is_amount(self) -> bool:
        """Tell whether its values add up."""
        return self.aggregate in _SUMMED

    @property
    def is_stepped(self) -> bool:
        """Tell whether a value holds until the next one: a state, a counter's reading."""
        return self.aggregate in _STEPPED


_ALL = (
    select(
        t.datastream.c.id,
        t.datastream.c.name,
        t.observed_property.c.key,
        t.datastream.c.unit,
        t.observed_property.c.aggregate,
        t.datastream.c.interval_s,
        t.site.c.time_zone,
    )
    .join(t.thing, t.thing.c.id == t.datastream.c.thing_id)
    .join(t.site, t.site.c.id == t.thing.c.site_id)
    .join(t.observed_property, t.observed_property.c.id == t.datastream.c.observed_property_id)
)
_KNOWN = _ALL.where(t.datastream.c.id.in_(bindparam("ids", expanding=True)))
_DIALECT = PGDialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has no hints for it
_QUERY = f"{_ALL.compile(dialect=_DIALECT)} WHERE datastream.id = ANY(%s::integer[])"
_FIELDS: Fields = (
    ("id", "int"),
    ("name", "text"),
    ("property_key", "text"),
    ("unit", "text"),
    ("aggregate", "text"),
    ("interval_s", "double"),
    ("time_zone", "text"),
)


def known(connection: Connection, datastream_ids: Sequence[int]) -> Sequence[Known]:
    """Read what is known of the datastreams that exist, in the order in which they are named."""
    rows = connection.execute(_KNOWN, {"ids": list(datastream_ids)})
    return _in_order([Known(*row) for row in rows], datastream_ids)


@dataclass(frozen=True, slots=True)
class Opened:
    """A transaction that reads, what is known of the datastreams, and how far back they reach."""

    connection: Connection
    known: Sequence[Known]
    horizons: Horizons


@contextmanager
def reading_known(
    engine: Engine, seconds: float, datastream_ids: Sequence[int]
) -> Iterator[Opened]:
    """Begin to read, as `reading` does, with the datastreams that exist, in the order named."""
    if engine.dialect.name == "sqlite":
        with reading(engine, seconds) as connection:
            yield Opened(connection, known(connection, datastream_ids), read_horizons(connection))
        return
    asks = (Ask(_QUERY, (list(datastream_ids),), _FIELDS), ASK_HORIZONS)
    with reading_first(engine, seconds, asks) as (connection, (columns, horizons)):
        rows = zip(*(columns[name].tolist() for name, _ in _FIELDS), strict=True)
        found = _in_order([Known(*row) for row in rows], datastream_ids)
        yield Opened(connection, found, horizons_of(horizons))


def _in_order(found: Sequence[Known], datastream_ids: Sequence[int]) -> Sequence[Known]:
    by_id = {one.id: one for one in found}
    return [by_id[id_] for id_ in datastream_ids if id_ in by_id]
