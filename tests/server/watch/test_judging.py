"""What judging costs ingest, what is told at once and what only in a digest."""

from contextlib import contextmanager

import numpy as np
import pytest
from sqlalchemy import event, select, text

from server.alerts.machine import Change
from server.db.alert_tables import alert_notice, alert_transition, alert_watch
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.ingest.pipeline import Pipeline
from server.store.engines import store_for
from server.store.port import Columns
from server.watch import judging
from server.watch.late import note_changed
from server.watch.rows import Basis
from server.watch.rules.expand import expand
from server.watch.rules.wanted import Wanted
from tests.server.alerts.stories import CONDITIONS
from tests.server.alerts.timeline import HOUR_MS, START_MS, Row
from tests.server.watch.field import DAY_MS, GATEWAY
from wire.catalogue import bundled
from wire.quality import Flag, pack

DRY, WET = 0.4, 0.8


def rows(value, first_h, last_h, day=0):
    begin_ms = START_MS + day * DAY_MS
    return [
        Row(begin_ms + at * HOUR_MS, value, pack(Flag.PASS)) for at in range(first_h, last_h + 1)
    ]


def arrive(watched, *given, now_ms=None):
    for some in given:
        watched.arrive(some, some[-1].time_ms if now_ms is None else now_ms)


@contextmanager
def statements(engine):
    """Collect what is sent to the database."""
    found = []

    def note(_connection, _cursor, statement, *_more):
        found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def taken(watched, some):
    with statements(watched.engine) as found:
        watched.field.take(watched.field.batch(some, some[-1].time_ms), now_ms=some[-1].time_ms)
    return found


def test_what_is_quiet_runs_no_statement(watched):
    """The same with a watch on the series as with none, and whether normal, pending or active."""
    arrive(watched, rows(WET, 0, 1))
    taken(watched, rows(WET, 2, 2))
    normal = taken(watched, rows(WET, 3, 3))
    arrive(watched, rows(DRY, 4, 5))
    pending = taken(watched, rows(DRY, 6, 6))
    arrive(watched, rows(DRY, 7, 10))
    active = taken(watched, rows(DRY, 11, 11))
    with watched.engine.begin() as connection:
        connection.execute(text("UPDATE alert_watch SET retired_at = refold_from"))
        connection.execute(text("DELETE FROM alert_notice"))
        connection.execute(text("DELETE FROM alert_transition"))
        connection.execute(text("DELETE FROM alert_watch"))
        connection.execute(text("UPDATE gateway SET watch_rev = watch_rev + 1"))
    taken(watched, rows(WET, 12, 12))
    unwatched = taken(watched, rows(WET, 13, 13))

    assert [len(one) for one in (normal, pending, active)] == 3 * [len(unwatched)]
    assert not [one for one in normal if "alert" in one]


def test_what_is_live_is_told_at_once_and_once(watched):
    arrive(watched, rows(WET, 0, 1), rows(DRY, 2, 12), rows(WET, 13, 16))

    assert watched.notices() == [("immediate", "new"), ("immediate", "new")]
    assert [kind for _, kind, _ in watched.record()] == ["raised", "cleared"]


def test_a_backlog_of_sixty_days_says_nothing_at_once(watched):
    """Episodes come and go in it; what is live comes beside it, and a digest may mention them."""
    now_ms = START_MS + 60 * DAY_MS
    arrive(watched, [Row(now_ms, WET, pack(Flag.PASS))], now_ms=now_ms)
    for day in range(0, 57, 3):
        value = DRY if day % 2 else WET
        arrive(watched, rows(value, 0, 71, day)[:-1], now_ms=now_ms)

    assert len(watched.record()) == 18
    assert {mode for mode, _ in watched.notices()} == {"digest"}
    assert watched.state().word == "normal"


def test_a_backlog_that_is_dry_to_the_end_comes_in_one_digest(watched):
    now_ms = START_MS + 60 * DAY_MS
    arrive(watched, [Row(now_ms, DRY, pack(Flag.PASS))], now_ms=now_ms)
    for day in range(56, -1, -4):
        arrive(watched, rows(DRY, 0, 95, day), now_ms=now_ms)

    assert watched.state().word == "warning"
    assert watched.notices()[-1] == ("digest", "correction")
    assert "immediate" not in dict(watched.notices())


def test_late_data_that_take_back_what_was_told_are_a_correction_in_the_digest(watched):
    arrive(watched, rows(DRY, 0, 2), rows(DRY, 4, 6))
    arrive(watched, rows(WET, 3, 3), now_ms=START_MS + 7 * HOUR_MS)

    assert watched.notices() == [("immediate", "new"), ("digest", "correction")]
    assert watched.record() == []


def test_what_is_rewritten_is_judged_anew(watched):
    """As by a replay, or when the soil of a place is set."""
    arrive(watched, rows(DRY, 0, 6))
    rewrite(watched, {3: WET, 4: WET})
    before = watched.state().word
    watched.field.keep(at_h(6))

    assert (before, watched.state().word) == ("warning", "normal")
    assert watched.record() == []
    assert watched.notices() == [("immediate", "new"), ("digest", "correction")]


def test_the_very_sample_that_raised_it_may_be_rewritten(watched_on_sqlite):
    """What stood after it does not hold either."""
    watched = watched_on_sqlite
    arrive(watched, rows(DRY, 0, 6))
    rewrite(watched, {6: WET})
    watched.field.keep(at_h(6))

    assert (watched.record(), watched.state().word) == ([], "normal")


def test_of_two_that_come_late_the_earlier_counts_whichever_came_first(watched_on_sqlite):
    watched = watched_on_sqlite
    arrive(watched, rows(DRY, 0, 2), rows(DRY, 4, 6), rows(WET, 7, 10), rows(WET, 12, 12))
    watched.kept = False
    arrive(watched, rows(DRY, 11, 11), now_ms=at_h(12))
    arrive(watched, rows(WET, 3, 3), now_ms=at_h(12))
    watched.field.keep(at_h(12))

    assert (watched.record(), watched.state().word) == ([], "normal")


def test_an_edited_rule_waits_until_what_came_late_is_judged_by_the_one_before(watched_on_sqlite):
    """Who was told of it hears that it was not so; the new rule knows nothing of that."""
    watched = watched_on_sqlite
    arrive(watched, rows(DRY, 0, 2), rows(DRY, 4, 6))
    watched.kept = False
    arrive(watched, rows(WET, 3, 3), now_ms=at_h(7))
    basis = Basis(CONDITIONS["lenient"], DAY_MS, "Cel")
    subject = f"datastream:{watched.datastream_id}"
    edited = Wanted(watched.rule_id, subject, watched.place, watched.datastream_id, basis)

    def settle():
        with writing(watched.engine) as connection:
            lock_gateways(connection, [GATEWAY])
            return expand(connection, GATEWAY, [edited], at_h(8))

    before = settle()
    watched.field.keep(at_h(8))

    assert (before, settle()) == (False, True)
    assert watched.notices() == [("immediate", "new"), ("digest", "correction")]


def rewrite(watched, values):
    """Have other values, by the hour, where some were stored, as a replay does."""
    times = np.array([at_h(hour) for hour in values], dtype=np.int64)
    ids = np.full(len(times), watched.datastream_id, dtype=np.int32)
    with writing(watched.engine) as connection:
        passed = np.full(len(times), int(Flag.PASS), dtype=np.int32)
        columns = Columns(ids, times, np.array(list(values.values())), passed)
        store_for(watched.engine).replace(connection, columns)
        note_changed(connection, ids, times)


def test_an_episode_that_came_and_went_in_one_batch_is_for_the_digest(watched_on_sqlite):
    watched = watched_on_sqlite
    arrive(watched, rows(WET, 0, 0), rows(DRY, 1, 7) + rows(WET, 8, 11))

    assert [kind for _, kind, _ in watched.record()] == ["raised", "cleared"]
    assert watched.notices() == [("digest", "new")]


def test_evidence_says_how_it_came(watched):
    arrive(watched, rows(WET, 0, 0), rows(DRY, 1, 7))

    with watched.engine.connect() as connection:
        evidence = connection.execute(select(alert_transition.c.evidence)).scalar_one()
    assert (evidence["value"], evidence["unit"], evidence["threshold"]) == (DRY, "Cel", 0.5)
    assert (evidence["share"], evidence["samples"]) == (1.0, 7)
    assert evidence["since_ms"] == evidence["began_ms"] == START_MS + HOUR_MS


def test_a_rule_that_cannot_be_judged_stops_no_reading(watched_on_sqlite, monkeypatch):
    """The readings are stored; the watch is left to the watchkeeper, which says what is wrong."""
    watched = watched_on_sqlite
    watched.kept = False
    arrive(watched, rows(WET, 0, 0))
    monkeypatch.setattr(judging, "fold_long", lambda *_: 1 / 0)
    arrive(watched, rows(DRY, 1, 7))
    monkeypatch.undo()
    arrive(watched, rows(DRY, 8, 9))
    with watched.engine.connect() as connection:
        marked = connection.execute(select(alert_watch.c.refold_from)).scalar_one()
    watched.field.keep(START_MS + 9 * HOUR_MS)

    assert marked == START_MS + HOUR_MS
    assert watched.record() == [(START_MS + 7 * HOUR_MS, Change.RAISED, 2)]


def test_two_programs_that_take_turns_know_what_the_other_wrote(watched):
    """Each remembers watches, and looks again when they have moved on."""
    programs = [watched.field.pipeline, Pipeline(store_for(watched.engine), bundled())]
    day = rows(WET, 0, 1) + rows(DRY, 2, 12) + rows(WET, 13, 18)
    for at, row in enumerate(day):
        batch = watched.field.batch([row], row.time_ms)
        watched.field.take(batch, now_ms=row.time_ms, pipeline=programs[at % 2])

    kinds = [(kind, (at - START_MS) // HOUR_MS) for at, kind, _ in watched.record()]
    assert kinds == [("raised", 8), ("cleared", 16)]


def test_a_transaction_that_fails_leaves_nothing_behind(watched):
    """Neither in the database nor in what the program remembers, whatever another one does then."""
    arrive(watched, rows(WET, 0, 0), rows(DRY, 1, 6))
    with pytest.raises(ZeroDivisionError):
        _take_and_fail(watched, watched.field.batch(rows(DRY, 7, 7), at_h(7)))
    watched.field.pipeline.forget()
    with watched.engine.connect() as connection:
        left = connection.execute(select(alert_notice)).all()
    other = Pipeline(store_for(watched.engine), bundled())
    batch = watched.field.batch(rows(WET, 7, 7), at_h(7))
    watched.field.take(batch, now_ms=at_h(7), pipeline=other)
    arrive(watched, rows(DRY, 8, 14))

    assert left == []
    assert watched.record() == [(at_h(14), "raised", 2)]
    assert watched.notices() == [("immediate", "new")]


def at_h(hours):
    return START_MS + hours * HOUR_MS


def _take_and_fail(watched, message):
    pipeline = watched.field.pipeline

    class Failing:
        def process(self, turn, one):
            pipeline.process(turn, one)
            return 1 / 0

    watched.field.take(message, now_ms=message.received_at, pipeline=Failing())
