"""Saying what a soil is: kept, in force for what comes from now on, while what is stored waits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, select

from server.catalog.gateways import note_change
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.db.tables import thing
from server.soil import book
from server.soil.book import Where
from server.soil.ground import Ground, Said
from server.soil.waiting import enter_place


def say(engine: Engine, where: Where, said: Said, now_ms: int) -> tuple[Ground, int]:
    """Keep what is said of a place; gives its soil, and how many series are to be computed anew.

    Raises ConfigError for what cannot be.
    """
    with _alone(engine, where) as connection:
        ground = book.say(connection, where, said, now_ms)
        return ground, enter_place(connection, where)


def forget(engine: Engine, where: Where) -> int | None:
    """Take back what was said; tells how many series are to be computed anew, None if nothing was.

    What is said of what is around it holds again, or what is assumed.
    """
    with _alone(engine, where) as connection:
        was_said = book.forget(connection, where)
        return enter_place(connection, where) if was_said else None


@contextmanager
def _alone(engine: Engine, where: Where) -> Iterator[Connection]:
    """Be the only one that writes what the gateways of a place sent; they then notice the change.

    One that comes to the place at this moment is found later, see server.soil.keeper.
    """
    with engine.connect() as connection:
        gateways = gateways_of(connection, where)
    with writing(engine) as connection:
        lock_gateways(connection, gateways)
        yield connection
        for one in gateways:
            note_change(connection, one)


def gateways_of(connection: Connection, where: Where) -> Sequence[str]:
    """Name the gateways whose sensors are at a place."""
    own = thing.c.id == where.thing_id
    if where.thing_id is None:
        own = thing.c.site_id == where.site_id
    return connection.execute(select(thing.c.gateway_id).where(own).distinct()).scalars().all()
