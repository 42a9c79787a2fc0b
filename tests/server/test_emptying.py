"""A test on TimescaleDB finds nothing of the tests before it."""

from sqlalchemy import select, text

from server.db.tables import datastream, metadata
from tests.server.api.factory import fill
from tests.server.emptying import empty


def test_no_row_and_no_chunk_is_left_and_ids_begin_anew(timescale_engine):
    first = fill(timescale_engine)

    with timescale_engine.begin() as connection:
        assert connection.execute(select(datastream.c.id)).first()
        empty(connection)
        left = [name for name in metadata.tables if connection.execute(_any(name)).first()]
        chunks = connection.execute(text("SELECT FROM timescaledb_information.chunks")).all()

    assert (left, chunks) == ([], [])
    assert fill(timescale_engine) == first


def _any(name):
    return text(f"SELECT 1 FROM {name} LIMIT 1")
