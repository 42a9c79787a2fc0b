"""Which series wait to be computed anew."""

from sqlalchemy import text

from server.db.engine import writing
from server.soil.book import Where
from server.soil.waiting import enter_place, waiting
from tests.server.soil.station import Probe, Server

MORE_THAN_PARAMETERS = 66_000

_COPIES = text("""
INSERT INTO datastream (gateway_id, name, thing_id, sensor_key, observed_property_id, unit,
    statistic, interval_s, source_id, transform)
SELECT gateway_id, name || n, thing_id, sensor_key, observed_property_id, unit,
    statistic, interval_s, source_id, transform
FROM datastream, generate_series(2, :count) AS n
WHERE name = :name
""")


def test_a_site_may_have_more_series_than_a_statement_takes_parameters(timescale_engine):
    server = Server(timescale_engine)
    server.announce(Probe())

    with writing(server.engine) as connection:
        connection.execute(_COPIES, {"count": MORE_THAN_PARAMETERS, "name": Probe().relative})
        entered = enter_place(connection, Where(site_id=1))

        assert entered == waiting(connection) == MORE_THAN_PARAMETERS
