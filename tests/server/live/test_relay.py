"""News between processes: what is announced reaches the hub, and what is missed ends in a resync."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from deploy.ports import wait_until
from server.db.tables import datastream, gateway, latest, observed_property, site, thing
from server.live.announce import MANY, MAX_IDS, Announcer, ids_of, payloads
from server.live.follow import Follower
from server.live.hub import Hub, Resync, Update
from server.store.port import LatestRow

NOW = 1_767_225_600_000
PATIENCE_S = 20.0


@given(st.sets(st.integers(1, 2**31 - 1), max_size=2000))
def test_ids_come_through_notifications_as_they_were(ids):
    told = list(payloads(ids))

    assert set().union(*(ids_of(one) for one in told)) == ids
    assert all(len(one) < 8000 for one in told)


def test_too_many_ids_are_told_as_such():
    assert list(payloads(set(range(MAX_IDS + 1)))) == [MANY]
    assert ids_of(MANY) is None


@pytest.fixture
def series(timescale_engine):
    """A datastream with a newest value, which a test may change."""
    with timescale_engine.begin() as connection:
        for table, row in (
            (gateway, {"id": "dune-1", "first_seen_at": NOW}),
            (site, {"id": 1, "key": "kubuqi", "name": "Kubuqi"}),
            (thing, {"id": 1, "gateway_id": "dune-1", "key": "d", "site_id": 1, "name": "D"}),
            (observed_property, {"id": 1, "key": "k", "label": "K", "unit": "1", "aggregate": ""}),
            (datastream, {"id": 1, "gateway_id": "dune-1", "name": "d/s/k", "thing_id": 1,
                          "sensor_key": "s", "observed_property_id": 1, "unit": "1",
                          "statistic": "last", "interval_s": 60.0}),
            (latest, {"datastream_id": 1, "time": NOW, "value": 1.5, "quality": 1,
                      "received_at": NOW}),
        ):  # fmt: skip
            connection.execute(table.insert().values(row))
    return LatestRow(1, NOW, 1.5, 1, "", NOW)


class Browser:
    """A subscription on a loop of its own, and what came by it."""

    def __init__(self, hub):
        self.got = []
        self._hub = hub
        self._stop = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._read()))
        self._thread.start()

    async def _read(self):
        self._hub.attach(asyncio.get_running_loop())
        subscription = self._hub.subscribe()
        while not self._stop:
            item = await subscription.next(0.05)
            if item is not None:
                self.got.append(item)
        self._hub.unsubscribe(subscription)

    def close(self):
        self._stop = True
        self._thread.join(5)

    def resyncs(self):
        return sum(isinstance(one, Resync) for one in self.got)

    def rows(self):
        return [row for one in self.got if isinstance(one, Update) for row in one.rows]


@pytest.fixture
def hub():
    return Hub()


@pytest.fixture
def browser(hub):
    opened = Browser(hub)
    assert wait_until(lambda: opened.resyncs() == 1, PATIENCE_S)
    yield opened
    opened.close()


@pytest.fixture
def follower(timescale_engine, hub, browser):
    running = Follower(timescale_engine, hub)
    running.start()
    assert wait_until(lambda: running.error == "", PATIENCE_S)
    yield running
    running.stop()


def test_what_is_announced_is_read_and_shown(timescale_engine, series, follower, browser):
    announcer = Announcer(timescale_engine)
    announcer.start()

    announcer.publish([series])

    assert wait_until(lambda: browser.rows() == [series], PATIENCE_S)
    announcer.stop()


def test_a_stop_tells_what_is_left(timescale_engine, series, follower, browser):
    announcer = Announcer(timescale_engine)
    announcer.publish([series])
    announcer.start()
    announcer.stop()

    assert wait_until(lambda: browser.rows() == [series], PATIENCE_S)


def test_what_could_not_be_announced_is_announced_later(
    timescale_engine, series, follower, browser, monkeypatch
):
    """As when the database takes no more connections for a while."""
    announcer = Announcer(timescale_engine)
    announcer.publish([series])
    monkeypatch.setattr("server.live.announce._NOTIFY", text("SELECT 1 / 0"))
    announcer._tell()
    monkeypatch.undo()
    announcer._tell()

    assert wait_until(lambda: browser.rows() == [series], PATIENCE_S)


def test_after_a_lost_connection_pages_read_anew(timescale_engine, series, follower, browser):
    """What was announced meanwhile nobody heard. The first resync is for what was before us."""
    assert wait_until(lambda: browser.resyncs() == 2, PATIENCE_S)
    follower._resync_at_s = float("-inf")  # else it would come ten seconds after the first

    with timescale_engine.begin() as connection:
        killed = connection.execute(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE query ~ '^(LISTEN|SELECT 1)' AND datname = current_database()"
                " AND pid <> pg_backend_pid()"
            )
        ).scalar_one()
    assert killed >= 1

    assert wait_until(lambda: browser.resyncs() == 3, PATIENCE_S)
    assert wait_until(lambda: follower.error == "", PATIENCE_S)
