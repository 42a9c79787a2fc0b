"""PostgreSQL goes away under a running server and comes back: told, waited for, nothing lost."""

import time

import httpx
import pytest
from sqlalchemy import create_engine, select

from deploy.local_postgres import LocalPostgres
from deploy.ports import wait_until as came_about
from deploy.postgres_install import need
from server.app import build
from server.db.tables import journal
from server.ingest.worker import Backoff
from server.settings import DatabaseSection, HttpSection, MqttSection, Settings


@pytest.fixture(scope="module")
def postgres():
    """A server of our own, for the others share theirs; its port stays the same."""
    install = need()
    server = LocalPostgres(install.scratch_folder(), install, durable=False)
    server.start()
    yield server
    server.remove()


@pytest.fixture
def start(postgres, mosquitto, wait_until):
    """Start the whole server; those that still run are stopped after the test."""
    running = []

    def run():
        url = postgres.create_database("down")
        app = build(
            Settings(
                database=DatabaseSection(url=url),
                http=HttpSection(port=0),
                mqtt=MqttSection(embedded=False, host="127.0.0.1", port=mosquitto.port),
            )
        )
        app.start()
        running.append(app)
        wait_until(lambda: not {"database", "ingest"} & red(app))
        return app

    yield run
    if not postgres.child.is_running:
        bring_back(postgres)
    for app in running:
        app.stop()


def bring_back(postgres):
    postgres.child.start()
    assert came_about(postgres._answers, timeout_s=30)


def ready(app):
    answer = httpx.get(f"{app.address}readyz", timeout=20)
    return answer.status_code == 200, answer.json()


def red(app):
    """Name the parts that cannot work."""
    return {one["name"] for one in ready(app)[1]["parts"] if not one["ready"]}


def stored(postgres):
    engine = create_engine(postgres.database_url("down").replace("://", "+psycopg://"))
    try:
        with engine.connect() as connection:
            found = select(journal.c.seq).where(journal.c.seq > 0, journal.c.status == "stored")
            return sorted(connection.execute(found).scalars())
    finally:
        engine.dispose()


def test_what_comes_while_postgresql_is_down_is_kept_by_the_broker(
    postgres, start, gateway, station, wait_until
):
    app = start()
    gateway.send(station.announce(), station.readings(1, ["2000"]))
    wait_until(lambda: gateway.stored == [1])

    # Red while it is away, with the reason and what helps; nothing is confirmed.
    postgres.stop()
    gateway.send(*(station.readings(seq, ["2000"]) for seq in (2, 3, 4)))
    wait_until(lambda: {"database", "ingest"} <= red(app))
    _, told = ready(app)
    assert f"database 'down' on 127.0.0.1:{postgres.port} cannot be used" in told["detail"]
    assert "check that PostgreSQL runs there" in told["detail"]
    time.sleep(3 * Backoff().longest_s)  # the longest pause has come
    assert gateway.stored == [1]

    # Green by itself, at once, with all of it.
    bring_back(postgres)
    began_s = time.monotonic()
    wait_until(lambda: sorted(gateway.stored) == [1, 2, 3, 4])
    wait_until(lambda: not {"database", "ingest"} & red(app))
    assert time.monotonic() - began_s < 2 * Backoff().longest_s + 1
    assert stored(postgres) == [1, 2, 3, 4]

    # Nothing was acknowledged: what a server took that ended meanwhile comes to the next one.
    postgres.stop()
    gateway.send(*(station.readings(seq, ["2000"]) for seq in (5, 6)))
    wait_until(lambda: not ready(app)[0])
    app.stop()
    bring_back(postgres)
    start()
    wait_until(lambda: sorted(gateway.stored) == [1, 2, 3, 4, 5, 6])
    assert stored(postgres) == [1, 2, 3, 4, 5, 6]
