"""A watch whose row cannot be read, as one of a later version: it stops nothing but itself."""

from sqlalchemy import insert, select, text

from server.db.alert_tables import alert_watch
from server.watch.keeping.keeper import Grace, Rounds
from tests.server.alerts.timeline import START_MS, Row
from tests.server.watch.field import Field
from wire.quality import Flag, pack

DRY = 0.4


def test_readings_are_stored_though_a_watch_cannot_be_read(watched):
    watched.kept = False
    change(watched, 'UPDATE alert_watch SET machine = \'{"level": "so dry"}\'')

    watched.arrive([Row(START_MS, DRY, pack(Flag.PASS))], START_MS)

    with watched.engine.connect() as connection:
        stored = connection.execute(text("SELECT count(*) FROM observation")).scalar_one()
        again = connection.execute(text("SELECT refold_from FROM alert_watch")).scalar_one()
    assert stored == 1
    assert again is not None


def change(watched, statement):
    """Write what no program of ours would, as one that rewrites watches does: seen at once."""
    with watched.engine.begin() as connection:
        connection.execute(text(statement))
        connection.execute(text("UPDATE gateway SET watch_rev = watch_rev + 1"))


def test_the_watches_of_other_gateways_are_kept(watched):
    """The one that cannot be read is of the gateway that comes first."""
    watched.kept = False
    watched.arrive([Row(START_MS, DRY, pack(Flag.PASS))], START_MS)
    first = Field(watched.engine, gateway="a-dune")
    first.announce(things=("dune-9",))
    move = "UPDATE alert_watch SET refold_from = base_at, folded_until = NULL"
    change(watched, move)
    add_unreadable(watched, first.gateway)
    rounds = Rounds(watched.engine, Grace(lambda: False), _renew_s=0.0)

    rounds.step(START_MS, 0.0)

    with watched.engine.connect() as connection:
        of = "SELECT folded_until IS NOT NULL FROM alert_watch WHERE gateway_id = :id"
        kept = connection.execute(text(of), {"id": watched.field.gateway}).scalars().all()
    assert rounds.behind == 2
    assert kept
    assert all(kept)


def add_unreadable(watched, gateway_id):
    with watched.engine.begin() as connection:
        row = connection.execute(select(alert_watch)).first()._asdict()
        row |= {"gateway_id": gateway_id, "subject": "datastream:9999", "machine": {"level": "so"}}
        del row["id"]
        connection.execute(insert(alert_watch).values(row))
