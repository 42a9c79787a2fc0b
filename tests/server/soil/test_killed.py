"""A process that computes history, killed in the middle: what it did stays, the next one ends it."""

import subprocess
import sys
import time

import numpy as np
import pytest
from sqlalchemy import delete, select

from server.db import tables as t
from server.db.engine import writing
from server.soil.ground import Said
from server.store.engines import store_for
from server.store.port import Columns
from tests.server.soil.station import CAMPBELL, MINUTE_MS, Probe

DUNE = Said(wilting_point=0.05, field_capacity=0.12)
PROBE = Probe(model=CAMPBELL)
COUNT = 40_000


@pytest.fixture
def filled(sqlite_server):
    """A month of minutes, of which no relative water is computed yet."""
    sqlite_server.announce(PROBE)
    with writing(sqlite_server.engine) as connection:
        named = select(t.datastream.c.id).where(t.datastream.c.name == PROBE.name)
        minutes = np.arange(COUNT, dtype=np.int64)
        columns = Columns(
            np.full(COUNT, connection.execute(named).scalar_one(), dtype=np.int32),
            minutes * MINUTE_MS,
            0.05 + 0.07 * (minutes % 101) / 100.0,
            np.ones(COUNT, dtype=np.int32),
        )
        store_for(sqlite_server.engine).append(connection, columns)
    sqlite_server.say(DUNE)
    return sqlite_server


def computing(server):
    command = [sys.executable, "-m", "server", "soil", "--compute", "--database-url"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([*command, str(server.engine.url)], **quiet)


def reached(server):
    """From which minute on relative water is computed."""
    with server.engine.connect() as connection:
        row = connection.execute(select(t.soil_history.c.before)).first()
    return None if row is None else row.before and row.before // MINUTE_MS


def killed_midway(server):
    """Kill one that computes, as soon as it has done a step; from which minute on that is."""
    process = computing(server)
    deadline = time.monotonic() + 60
    while reached(server) is None and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    return reached(server)


def begin_anew(server):
    """As it was before any was computed."""
    with writing(server.engine) as connection:
        own = select(t.datastream.c.id).where(t.datastream.c.name == PROBE.relative)
        connection.execute(delete(t.observation).where(t.observation.c.datastream_id.in_(own)))
    server.say(DUNE)


def test_a_killed_process_leaves_whole_steps_and_the_next_one_ends_them(filled):
    while (minute := killed_midway(filled)) is None:  # it was through before it was looked at
        begin_anew(filled)

    assert 0 < minute < COUNT
    assert list(filled.stored(PROBE.relative)) == list(range(minute, COUNT))

    filled.compute(most=5000)

    values = filled.values(PROBE.relative)
    assert len(values) == COUNT
    assert values[:101] == [pytest.approx(one / 100.0) for one in range(101)]
    assert filled.rows("soil_history") == []
