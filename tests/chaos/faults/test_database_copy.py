"""A TimescaleDB database put back to what it was, on a disk of its own that can be full."""

from contextlib import ExitStack

import psycopg
import pytest

from benchmarks.chaos_suite.faults.backups import PostgresBackup
from benchmarks.chaos_suite.faults.disks import may_mount
from benchmarks.chaos_suite.faults.equipment import Needs, equip
from benchmarks.chaos_suite.schedule import DATABASE
from deploy.local_postgres import LocalPostgres
from deploy.postgres_install import need

NAME = "chaos_copy"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def postgres():
    install = need()
    server = LocalPostgres(install.scratch_folder(), install, durable=False)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def database(postgres, tmp_path):
    """Give the address of a database on a small disk, and that disk (None without root)."""
    with ExitStack() as stack:
        needs = Needs(disks=frozenset({DATABASE}))
        equipment = equip(needs, tmp_path, postgres, stack)
        url = postgres.create_database(NAME, equipment.tablespace(postgres, stack))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION timescaledb")
            connection.execute("CREATE TABLE told (value integer, text text)")
        yield url, equipment.small_disks.get(DATABASE)
        with psycopg.connect(postgres.url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{NAME}" WITH (FORCE)'.encode())


def write(url, value):
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO told VALUES (%s, '')", (value,))


def read(url):
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT value FROM told ORDER BY value")
        return [value for (value,) in rows]


def test_restored_it_is_as_it_was_though_workers_were_connected(database, postgres):
    url, _ = database
    backup = PostgresBackup(postgres, NAME)
    write(url, 1)
    assert backup.take()
    write(url, 2)
    assert read(url) == [1, 2]
    backup.restore()

    assert read(url) == [1]
    write(url, 3)
    assert read(url) == [1, 3]


@pytest.mark.skipif(not may_mount(), reason="only root can mount a file system")
def test_a_full_disk_takes_no_more_rows_until_it_is_freed(database):
    url, disk = database
    disk.fill()
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.DiskFull):
        connection.execute(
            "INSERT INTO told SELECT 1, repeat('x', 2000) FROM generate_series(1, 99)"
        )
    disk.free()
    write(url, 7)

    assert read(url) == [7]
