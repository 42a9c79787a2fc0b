"""The journal's questions stay quick, however much a gateway has sent."""

import pytest
from sqlalchemy import event

from server.carry.inventory import announce
from server.ingest import journal
from server.ingest.pipeline import Pipeline, Turn
from server.replay.timeline import newest_inventory
from server.store.engines import store_for
from wire.catalogue import bundled

GATEWAY = "kubuqi-dune"


@pytest.fixture
def plans(sqlite_engine):
    """Tell how SQLite would go about each question that a function asks of the journal."""

    def ask(function):
        asked = []
        note = lambda *args: asked.append(args[2:4])  # noqa: E731
        with sqlite_engine.connect() as connection:
            event.listen(sqlite_engine, "before_cursor_execute", note)
            function(connection)
            event.remove(sqlite_engine, "before_cursor_execute", note)
            return [
                step[3]
                for statement, values in asked
                if statement.startswith("SELECT") and "FROM journal" in statement
                for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            ]

    return ask


def test_what_waits_is_found_by_its_status(plans):
    found = plans(lambda connection: journal.waiting(connection, GATEWAY))

    assert "SEARCH journal USING INDEX ix_journal_status (status=?)" in found


def test_inventories_are_not_looked_for_among_all_batches(plans, station, sqlite_engine):
    message = station.announce()
    pipeline = Pipeline(store_for(sqlite_engine), bundled())

    found = [
        *plans(lambda connection: journal.newest(connection, message)),
        *plans(lambda connection: newest_inventory(connection, GATEWAY)),
        *plans(lambda connection: announce(Turn(connection, 0, alone=True), pipeline, message, 0)),
    ]

    searches = [step for step in found if "journal" in step]
    assert len(searches) >= 3
    by_identity = "SEARCH journal USING INDEX ix_journal_identity (gateway=? AND epoch=?"
    by_status = "SEARCH journal USING INDEX ix_journal_status (status=?)"
    assert all(step.startswith((by_identity, by_status)) for step in searches)
