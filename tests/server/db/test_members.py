"""Rows by many keys in one question."""

import pytest
from sqlalchemy import insert, select

from server.db import tables as t
from server.db.engine import writing
from server.db.members import among, pairs

NAMES = [f"gw-{number}" for number in range(2_000)]


@pytest.fixture
def connection(engine):
    with writing(engine) as opened:
        rows = [{"id": name, "first_seen_at": 0} for name in NAMES]
        opened.execute(insert(t.gateway), rows)
        yield opened


@pytest.mark.parametrize("wanted", [[], ["gw-7"], ["gw-7", "gw-1999", "gw-gone", "gw-7"], NAMES])
def test_those_among_many_are_found_once_each(connection, wanted):
    found = connection.execute(
        select(t.gateway.c.id).where(among(connection, t.gateway.c.id, wanted))
    )

    assert sorted(found.scalars()) == sorted({*wanted} & {*NAMES})


@pytest.mark.parametrize("engine", ["timescale"], indirect=True)
def test_pairs_are_joined_as_pairs(connection):
    """The first of one and the second of another are no pair."""
    keys = pairs([("gw-1", "unknown"), ("gw-2", "online")], "id", "state")
    same = (t.gateway.c.id == keys.c.id) & (t.gateway.c.state == keys.c.state)

    found = connection.execute(select(t.gateway.c.id).join(keys, same))

    assert list(found.scalars()) == ["gw-1"]
