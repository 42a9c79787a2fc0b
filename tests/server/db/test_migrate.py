"""The migrations: one history for both engines, ending at the tables of this program."""

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from server.db.engine import open_engine
from server.db.migrate import is_current, upgrade
from server.db.tables import metadata
from server.errors import StoreError


@pytest.fixture
def fresh(database_url):
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def test_an_empty_database_becomes_current_and_stays_so(fresh):
    before = is_current(fresh)
    upgrade(fresh)
    upgrade(fresh)

    assert (before, is_current(fresh)) == (False, True)


def test_the_history_ends_at_the_tables_we_use(fresh):
    upgrade(fresh)

    with fresh.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)

    assert differences == []


def test_observations_take_the_least_room(fresh):
    """On SQLite rows live in the primary key; on PostgreSQL nothing is padded and nothing doubled."""
    upgrade(fresh)

    found = inspect(fresh)
    columns = [column["name"] for column in found.get_columns("observation")]
    assert columns == ["time", "value", "datastream_id", "quality"]
    assert found.get_pk_constraint("observation")["constrained_columns"] == [
        "datastream_id",
        "time",
    ]
    assert found.get_indexes("observation") == []
    if fresh.dialect.name == "sqlite":
        with fresh.connect() as connection:
            sql = text("SELECT sql FROM sqlite_master WHERE name = 'observation'")
            assert "WITHOUT ROWID" in connection.execute(sql).scalar_one()


def test_two_servers_may_start_at_once(fresh):
    failures = []

    def migrate():
        engine = open_engine(fresh.url.render_as_string(hide_password=False))
        try:
            upgrade(engine)
        except StoreError as error:
            failures.append(error)
        engine.dispose()

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert is_current(fresh)


def test_a_step_that_fails_leaves_nothing_behind(fresh):
    """A table of that name is in the way of the last step's last table."""
    with fresh.begin() as connection:
        connection.execute(text("CREATE TABLE latest (x integer)"))

    with pytest.raises(StoreError, match="latest"):
        upgrade(fresh)

    assert set(inspect(fresh).get_table_names()) == {"latest"}


def test_a_database_of_a_newer_program_is_left_alone(fresh):
    upgrade(fresh)
    with fresh.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    assert not is_current(fresh)
    with pytest.raises(StoreError, match="start the newer program that wrote it"):
        upgrade(fresh)


def test_the_ledger_is_filled_from_the_journal(fresh):
    """A number that stands there twice counts by the better end it came to."""
    upgrade(fresh)
    fates = {1: ["stored"], 2: ["refused", "stored"], 3: ["stored"], 5: ["waiting"], 6: ["refused"]}
    rows = [
        {"seq": seq, "status": status, "digest": b"", "payload": b""}
        for seq, found in fates.items()
        for status in found
    ]
    with fresh.begin() as connection:
        same = {"gateway": "dune", "topic": "t", "epoch": "a1b2c3d4", "received_at": 1000}
        connection.execute(metadata.tables["journal"].insert(), [row | same for row in rows])
        connection.execute(text("DROP INDEX ix_journal_gateway"))
        connection.execute(text("DROP INDEX ix_journal_block"))
        for name in ("retained", "block_id", "packed_size"):
            connection.execute(text(f"ALTER TABLE journal DROP COLUMN {name}"))
        connection.execute(text("ALTER TABLE site DROP COLUMN time_zone"))
        connection.execute(text("ALTER TABLE gateway DROP COLUMN installation"))
        rollups = ("rollup_hour", "rollup_day", "rollup_mark", "retention_horizon")
        for name in ("ledger_range", "gateway_epoch", "journal_block", *rollups):
            connection.execute(text(f"DROP TABLE {name}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    upgrade(fresh)

    ranges, epochs = metadata.tables["ledger_range"], metadata.tables["gateway_epoch"]
    with fresh.connect() as connection:
        found = connection.execute(ranges.select().order_by(ranges.c.first)).all()
        assert [(row.first, row.last, row.fate) for row in found] == [
            (1, 3, "stored"),
            (5, 5, "waiting"),
            (6, 6, "refused"),
        ]
        (epoch,) = connection.execute(epochs.select()).all()
        assert (epoch.gateway, epoch.epoch, epoch.first_seen_at, epoch.sealed) == (
            *("dune", "a1b2c3d4", 1000, 0),
        )
