"""What has to be known of a datastream to read and to tell its series."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from server.db import tables as t
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


_KNOWN = (
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
    .where(t.datastream.c.id.in_(bindparam("ids", expanding=True)))
)


def known(connection: Connection, datastream_ids: Sequence[int]) -> Sequence[Known]:
    """Read what is known of the datastreams that exist, in the order in which they are named."""
    rows = connection.execute(_KNOWN, {"ids": list(datastream_ids)})
    found = {row.id: Known(*row) for row in rows}
    return [found[id_] for id_ in datastream_ids if id_ in found]
