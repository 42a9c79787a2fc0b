"""The migrations: one history for both engines, ending at the tables of this program."""

import threading
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

import server.db.alert_tables
import server.db.notify_tables  # noqa: F401 - their tables are compared with the migrations'
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


def test_a_reference_goes_from_the_formula_to_the_deployment(fresh):
    """What an older program computed by stays, and is no other deployment."""
    upgrade(fresh)
    formula = "sonic-height/1(correction_temperature; reference_m=2.013)"
    with fresh.begin() as connection:
        for statement in (
            "INSERT INTO gateway (id, first_seen_at) VALUES ('gw', :now)",
            "INSERT INTO site (id, key, name) VALUES (1, 'site', 'Site')",
            "INSERT INTO thing (id, gateway_id, key, site_id, name) VALUES (1, 'gw', 'd', 1, 'D')",
            "INSERT INTO sensor (id, gateway_id, model) VALUES (1, 'gw', 'Campbell SR50A')",
            """INSERT INTO deployment (id, sensor_id, thing_id, key, since)
            VALUES (1, 1, 1, 'sand', :now), (2, 1, 1, 'other', :now)""",
            """INSERT INTO observed_property (id, key, label, unit, aggregate)
            VALUES (1, 'sand_height', 'Height', 'm', 'mean')""",
            """INSERT INTO datastream (id, gateway_id, name, thing_id, sensor_key,
            observed_property_id, unit, statistic, interval_s, transform)
            VALUES (1, 'gw', 'd/sand/sand_height', 1, 'sand', 1, 'm', 'last', 60, :formula)""",
        ):
            given = {"now": datetime(2026, 1, 1, tzinfo=UTC), "formula": formula}
            if fresh.dialect.name == "sqlite":
                given["now"] = 0
            names = [name for name in given if f":{name}" in statement]
            connection.execute(text(statement), {name: given[name] for name in names})
        _undo_m0012(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '0011'"))

    upgrade(fresh)

    with fresh.connect() as connection:
        rows = connection.execute(text("SELECT reference_m FROM deployment ORDER BY id"))
        assert rows.scalars().all() == [2.013, None]


def _undo_m0012(connection):
    for table, column in (
        ("gateway", "remarks"),
        ("datastream", "unknown"),
        ("deployment", "reference_m"),
        ("deployment", "fields"),
    ):
        connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))


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
        _undo_m0012(connection)
        connection.execute(text("ALTER TABLE gateway DROP COLUMN watch_rev"))
        for name in ("message", "subscription", "subscriber", "consent_event", "secret"):
            connection.execute(text(f"DROP TABLE {name}"))
        for name in ("notice", "act", "transition", "input", "watch", "rule"):
            connection.execute(text(f"DROP TABLE alert_{name}"))
        for name in ("soil_history", "soil"):
            connection.execute(text(f"DROP TABLE {name}"))
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
