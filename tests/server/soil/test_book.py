"""What was said, as those ask for it who warn by it."""

import pytest
from sqlalchemy import select

from server.db import tables as t
from server.soil import book
from server.soil.ground import ASSUMED, Origin, Said
from tests.server.soil.station import ACCLIMA, CAMPBELL, Probe, Server

DUNE = Said(wilting_point=0.05, field_capacity=0.12)
LOAM = Said(sand=0.40, clay=0.20)


def grounds(server, *probes):
    with server.engine.connect() as connection:
        rows = connection.execute(
            select(t.datastream.c.name, t.datastream.c.id).where(
                t.datastream.c.gateway_id == server.gateway
            )
        )
        ids = {row.name: row.id for row in rows}
        found = book.grounds_of(connection, list(ids.values()))
    return [found[ids[one.relative]] for one in probes]


def site_ground(server):
    with server.engine.connect() as connection:
        return book.read_site_ground(connection, 1)


def test_each_series_is_in_the_soil_at_its_depth(server):
    top, deep, bare = Probe(), Probe(id="deep", depth_m=0.4), Probe(thing="dune-2", depth_m=None)
    other = Server(server.engine, "orchard")
    server.announce(top, deep, bare)
    other.announce(top)
    server.say(LOAM, from_m=0.3)
    server.say(DUNE, thing="dune-1", from_m=0.0, to_m=0.2)

    dune, loam, assumed = grounds(server, top, deep, bare)

    assert (dune.origin, dune.limits.field_capacity) == (Origin.ENTERED, 0.12)
    assert (loam.origin, loam.texture) == (Origin.TEXTURE, "loam")
    assert assumed is ASSUMED
    assert grounds(other, top) == [ASSUMED]


def test_a_site_has_a_soil_of_its_own(sqlite_server):
    sqlite_server.announce(Probe())
    sqlite_server.say(DUNE, from_m=0.0, to_m=0.2)
    assert site_ground(sqlite_server) is ASSUMED

    sqlite_server.say(LOAM)

    assert site_ground(sqlite_server).texture == "loam"


@pytest.mark.parametrize(
    ("model", "value"), [(ACCLIMA, "8.5"), (CAMPBELL, "0.085"), ("METER TEROS 12", "2012.4")]
)
def test_in_whatever_way_water_is_told_it_is_the_same(sqlite_server, model, value):
    """Percent, a share, counts: 3.879e-4 x 2012.4 - 0.6956 = 0.08501."""
    probe = Probe(model=model)
    sqlite_server.announce(probe)
    sqlite_server.say(DUNE)

    sqlite_server.measure(probe, value)

    assert sqlite_server.values(probe.relative) == [pytest.approx(0.5, abs=2e-4)]
