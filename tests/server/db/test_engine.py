"""Opening a database: what an operator is told when it cannot be done, and how SQLite is set up."""

import sqlite3
import threading

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from server.db.engine import (
    Edition,
    describe,
    explain,
    open_engine,
    ping,
    require_postgresql,
    require_timescale,
    writing,
)
from server.errors import StoreError
from wire.errors import ConfigError


@pytest.mark.parametrize(
    "url", ["", "foo", "mysql://root@localhost/x", "sqlite://", "postgresql://"]
)
def test_a_url_of_no_use_is_refused_with_the_forms_we_know(url):
    with pytest.raises(ConfigError, match=r"write sqlite:///path/to/file.db or postgresql://"):
        open_engine(url)


def test_a_server_that_is_not_there_is_named_and_the_password_is_not(unused_tcp_port):
    url = f"postgresql://saxaul:tops3cret@127.0.0.1:{unused_tcp_port}/fields"

    with pytest.raises(StoreError) as caught:
        open_engine(url)

    message = str(caught.value)
    assert message.startswith(f"database 'fields' on 127.0.0.1:{unused_tcp_port} cannot be used: ")
    assert "Connection refused; check that PostgreSQL runs there" in message
    assert "tops3cret" not in message
    assert "\n" not in message


def test_a_database_that_is_not_on_the_server_is_named(timescale_url):
    url = f"{timescale_url.rpartition('/')[0]}/no_such_database"

    with pytest.raises(StoreError, match=r'database "no_such_database" does not exist; check'):
        open_engine(url)


def test_a_password_in_a_driver_s_message_is_not_repeated():
    error = OperationalError("SELECT 1", {}, Exception("bad password 'tops3cret'\nmore"))

    message = explain(make_url("postgresql://me:tops3cret@db:5433/fields"), error)

    assert message.startswith("database 'fields' on db:5433 cannot be used: bad password '***'; ")


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        (
            psycopg.OperationalError('FATAL: extension "timescaledb" must be preloaded\nHINT: ...'),
            "set shared_preload_libraries = 'timescaledb' in postgresql.conf",
        ),
        (psycopg.errors.InsufficientPrivilege("permission denied for schema public"), "own the"),
        (psycopg.errors.DiskFull("could not extend file"), "make room on the disk"),
        (psycopg.OperationalError("connection refused"), "check that PostgreSQL runs there"),
        (psycopg.OperationalError(""), "check that PostgreSQL runs there"),
    ],
)
def test_the_remedy_fits_what_postgresql_says(cause, remedy):
    message = explain(make_url("postgresql://me@db/fields"), OperationalError("", {}, cause))

    assert remedy in message.rpartition(";")[2]
    assert "HINT" not in message


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"the folder '.*/nowhere' is not there; create it"):
        open_engine(f"sqlite:///{tmp_path}/nowhere/saxaul.db")


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "saxaul.db"
    path.write_bytes(b"this is not a database, it is a letter" * 100)

    with pytest.raises(
        StoreError, match=r"database file '.*saxaul.db' cannot be used: file is not"
    ):
        open_engine(f"sqlite:///{path}")


def test_a_sqlite_file_survives_a_power_cut_and_checks_its_references(sqlite_engine):
    with sqlite_engine.connect() as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
    }


def test_a_writer_waits_for_another_writer(sqlite_engine):
    """A transaction that reads first and then writes would fail at once where it need only wait."""
    done = []

    def write_second():
        with writing(sqlite_engine) as connection:
            done.append(connection.execute(text("SELECT count(*) FROM site")).scalar_one())
            connection.execute(text("INSERT INTO site (key, name) VALUES ('b', 'b')"))

    with writing(sqlite_engine) as connection:
        connection.execute(text("INSERT INTO site (key, name) VALUES ('a', 'a')"))
        second = threading.Thread(target=write_second)
        second.start()
        second.join(0.2)
        assert done == []
    second.join(60)

    assert done == [1]


def test_readers_are_not_kept_waiting_by_a_writer(sqlite_engine):
    with writing(sqlite_engine) as writer, sqlite_engine.connect() as reader:
        writer.execute(text("INSERT INTO site (key, name) VALUES ('a', 'a')"))

        assert reader.execute(text("SELECT count(*) FROM site")).scalar_one() == 0


def test_nothing_is_kept_of_a_transaction_that_fails(engine):
    def fail():
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO site (key, name) VALUES ('a', 'a')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM site")).scalar_one() == 0


def test_the_edition_is_told(sqlite_engine, timescale_engine):
    assert describe(sqlite_engine).edition is Edition.SQLITE
    assert describe(sqlite_engine).version == f"SQLite {sqlite3.sqlite_version}"
    info = describe(timescale_engine)
    assert info.edition in (Edition.APACHE, Edition.COMMUNITY)
    assert "TimescaleDB" in info.version
    assert info.warning == ""


def test_plain_postgresql_works_with_a_warning(timescale_database):
    """The database of the fixture has no extension yet."""
    engine = open_engine(timescale_database)
    info = describe(engine)
    engine.dispose()

    assert info.edition is Edition.PLAIN
    assert "TimescaleDB is not installed here" in info.warning


@pytest.mark.parametrize("version", [(14, 12), (9, 6, 24)])
def test_a_postgresql_that_is_too_old_is_refused(version):
    said = (
        r"PostgreSQL [\d.]+ is too old: move the database to PostgreSQL 15 or newer with pg_upgrade"
    )
    with pytest.raises(StoreError, match=said):
        require_postgresql(version)


@pytest.mark.parametrize("version", [(15, 0), (17, 11), (18,)])
def test_a_postgresql_of_today_is_taken(version):
    require_postgresql(version)


def test_the_version_is_looked_at_when_a_database_is_opened(timescale_database, monkeypatch):
    monkeypatch.setattr("server.db.engine.MIN_POSTGRESQL", 99)

    with pytest.raises(StoreError, match="is too old: move the database to PostgreSQL 99"):
        open_engine(timescale_database)


@pytest.mark.parametrize("version", ["2.18.0", "2.9.3", "1.7.5", "2.18"])
def test_a_timescaledb_that_loses_rows_is_refused(version):
    with pytest.raises(StoreError, match=r"can lose rows .* install 2\.18\.1 or newer"):
        require_timescale(version)


@pytest.mark.parametrize("version", ["2.18.1", "2.19.3", "3.0.0", "2.20.0-dev"])
def test_a_timescaledb_that_keeps_them_is_taken(version):
    require_timescale(version)


def test_a_server_that_was_restarted_is_met_with_a_new_connection(timescale_database):
    engine = open_engine(timescale_database)
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with psycopg.connect(timescale_database, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    ping(engine)
    engine.dispose()


def last_query_of_one_that_is_taken_again(url):
    """Use a connection, and tell what its server saw last once it has been taken again."""
    engine = open_engine(url)
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    asked = "SELECT query FROM pg_stat_activity WHERE pid = %s"
    with engine.connect(), psycopg.connect(url) as other:
        row = other.execute(asked, (pid,)).fetchone()
    engine.dispose()
    return row[0]


def test_a_connection_is_only_tried_when_it_was_not_used_for_a_while(
    timescale_database, monkeypatch
):
    assert last_query_of_one_that_is_taken_again(timescale_database) == "ROLLBACK"

    monkeypatch.setattr("server.db.engine._TRUSTED_S", -1.0)
    assert last_query_of_one_that_is_taken_again(timescale_database) == "SELECT 1"


def test_instants_do_not_depend_on_the_time_zone_of_the_server(timescale_engine):
    with timescale_engine.connect() as connection:
        assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"
