"""Which series of relative water wait to be computed anew from what is stored.

Whoever enters one holds its gateway's lock and notes, in the same transaction, that its series have
changed: whatever is stored afterwards is computed by what holds from now on.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, func, select

from server.db.once import enter_missing
from server.db.tables import datastream, latest, observed_property, soil_history, thing
from server.soil.book import Where
from server.soil.relative import RELATIVE

# PostgreSQL takes 65,535 parameters a statement; a site may have more series.
_MANY = 10_000


def enter(connection: Connection, datastream_ids: Sequence[int]) -> None:
    """Have all that is stored of some series computed anew, if anything is."""
    if not datastream_ids:
        return
    source = select(latest.c.datastream_id).where(latest.c.datastream_id == datastream.c.source_id)
    wanted = select(datastream.c.id).where(datastream.c.id.in_(datastream_ids), source.exists())
    _enter(connection, connection.execute(wanted).scalars().all())


def _enter(connection: Connection, ids: Sequence[int]) -> None:
    for start in range(0, len(ids), _MANY):
        some = ids[start : start + _MANY]
        connection.execute(delete(soil_history).where(soil_history.c.datastream_id.in_(some)))
        enter_missing(connection, soil_history, [{"datastream_id": one} for one in some])


def enter_place(connection: Connection, where: Where) -> int:
    """Have all computed anew that is of a site or a thing; tells how many series that are."""
    here = datastream.c.thing_id == where.thing_id
    if where.thing_id is None:
        things = select(thing.c.id).where(thing.c.site_id == where.site_id)
        here = datastream.c.thing_id.in_(things)
    wanted = (
        select(datastream.c.id)
        .join(observed_property, observed_property.c.id == datastream.c.observed_property_id)
        .where(observed_property.c.key == RELATIVE, datastream.c.source_id.is_not(None), here)
    )
    ids = connection.execute(wanted).scalars().all()
    _enter(connection, ids)
    return len(ids)


def formulas(connection: Connection, gateway_id: str) -> Mapping[int, str | None]:
    """Read how a gateway's relative water is computed, by the ids of its series."""
    rows = connection.execute(
        select(datastream.c.id, datastream.c.transform)
        .join(observed_property, observed_property.c.id == datastream.c.observed_property_id)
        .where(datastream.c.gateway_id == gateway_id, observed_property.c.key == RELATIVE)
    )
    return {int(row.id): row.transform for row in rows}


def waiting(connection: Connection) -> int:
    """Count the series that are still to be computed."""
    return connection.execute(select(func.count()).select_from(soil_history)).scalar_one()
