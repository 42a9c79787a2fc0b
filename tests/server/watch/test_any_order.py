"""Whatever the order, the repetition, the batches, the workers and the kills: one record, told once."""

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from server.alerts.machine import Machine, fold
from server.db.alert_tables import alert_notice, alert_watch
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.db.tables import metadata
from server.ingest.events import Turn
from server.ingest.pipeline import Pipeline
from server.ingest.worker import Backoff, Worker
from server.store.engines import store_for
from server.watch.keeping.keeper import Watchkeeper
from tests.server.alerts.lazy import samples_of
from tests.server.alerts.stories import CONDITIONS
from tests.server.alerts.timeline import HOUR_MS, START_MS, Row
from tests.server.watch.field import DatabaseWatch, Field
from wire.catalogue import bundled
from wire.quality import Flag, pack

VALUES = (0.05, 0.4, 0.55, 0.8, None)
SAMPLES = 24

values = st.lists(
    st.tuples(st.sampled_from(VALUES), st.integers(1, 8)), min_size=3, max_size=8
).map(lambda runs: [value for value, length in runs for _ in range(length)][:SAMPLES])
# How many samples a batch holds; then, of what arrives: which batch, by which worker, what goes
# wrong, and whether the watchkeeper comes by.
sizes = st.lists(st.integers(1, 6), min_size=1, max_size=8)
arrivals = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 1), st.sampled_from(["", "", "killed", "restarted"]),
              st.booleans()),
    max_size=12,
)  # fmt: skip


class KilledError(Exception):
    """Stands for a process that is gone before it could commit."""


def rows_of(given_values):
    return [
        Row(START_MS + at * HOUR_MS, value, pack(Flag.MISSING if value is None else Flag.PASS))
        for at, value in enumerate(given_values)
    ]


def cut(rows, lengths):
    """Cut rows into batches; the last length goes on."""
    batches = []
    while rows:
        length = lengths[min(len(batches), len(lengths) - 1)]
        batches.append(rows[:length])
        rows = rows[length:]
    return batches


def clear(engine):
    with writing(engine) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))


def expected(rows):
    machine, made = fold(CONDITIONS["rule"], Machine(), samples_of(rows))
    return [(one.at_ms, one.kind.value, int(one.level_to)) for one in made], machine.level


def deliver(watched, pipeline, message, now_ms, *, killed):
    with suppress(KilledError), writing(watched.engine) as connection:
        lock_gateways(connection, [message.gateway])
        pipeline.process(Turn(connection, now_ms, alone=True), message)
        if killed:
            raise KilledError


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(given_values=values, lengths=sizes, arrived=arrivals)
def test_the_record_is_the_fold_over_all_that_is_stored(engine, given_values, lengths, arrived):
    clear(engine)
    watched = DatabaseWatch(Field(engine), CONDITIONS, kept=False)
    watched.field.keep(START_MS)
    rows, now_ms = rows_of(given_values), START_MS + SAMPLES * HOUR_MS
    batches = [watched.field.batch(some, now_ms) for some in cut(rows, lengths)]
    workers = [Pipeline(store_for(engine), bundled()) for _ in range(2)]
    for which, by, wrong, keeps in arrived:
        deliver(
            watched, workers[by], batches[which % len(batches)], now_ms, killed=wrong == "killed"
        )
        if wrong:
            workers[by] = Pipeline(store_for(engine), bundled())
        if keeps:
            watched.field.keep(now_ms)
    for at, one in enumerate(batches):
        deliver(watched, workers[at % 2], one, now_ms, killed=False)
    watched.field.keep(now_ms)

    record, level = expected(rows)
    assert watched.record() == record
    with engine.connect() as connection:
        watch = connection.execute(select(alert_watch)).one()
        notices = connection.execute(select(alert_notice.c.transition_id, alert_notice.c.key)).all()
    assert (watch.level, watch.told_level, watch.refold_from) == (level, level, None)
    told = Counter(one.transition_id for one in notices if one.transition_id is not None)
    assert all(count == 1 for count in told.values())


class SilentWire:
    """Stands where the broker is, and hears nothing out."""

    is_connected = True

    def take_new_session(self):
        return False

    def acknowledge(self, deliveries):
        pass

    def publish(self, topic, payload):
        pass


@pytest.mark.parametrize("order", [1, -1])
def test_two_workers_and_the_watchkeeper_at_once_make_the_same_record(engine, wait_until, order):
    watched = DatabaseWatch(Field(engine), CONDITIONS)
    rows = rows_of([0.8] * 4 + [0.4] * 10 + [0.05] * 8 + [0.8] * 8)
    now_ms = START_MS + len(rows) * HOUR_MS
    sent = [watched.field.batch([row], now_ms) for row in rows][::order]
    workers = [
        Worker(engine, Pipeline(store_for(engine), bundled()), lambda _: None, lambda: now_ms,
               Backoff(0.01, 0.02), lambda: None)
        for _ in range(2)
    ]  # fmt: skip
    keeper = Watchkeeper(engine, lambda: now_ms, lambda: False)
    # Only what is entered by hand here is to be kept.
    keeper._rounds._renew_s = float("inf")
    keeper.start()
    for at, one in enumerate(sent):
        workers[at % 2].offer(one)
        workers[(at + 1) % 2].offer(one)
    for one in workers:
        one.start(SilentWire())
    try:
        wait_until(lambda: all(one.counts.stored == len(rows) for one in workers))
        wait_until(lambda: not watched.field.behind(now_ms))
    finally:
        keeper.stop()
        for one in workers:
            one.stop()

    assert keeper.error == ""
    assert watched.record() == expected(rows)[0]
