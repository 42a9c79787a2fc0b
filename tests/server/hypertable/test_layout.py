"""What an operator is told of how readings are kept, and what is done about it each day."""

import pytest
from structlog.testing import capture_logs

from server.db.engine import describe
from server.hypertable.layout import LAYOUT_SETTLED, Layout, Wishes
from server.hypertable.retention import Policy

DAY_MS = 86_400_000
NOW_MS = 1_767_225_600_000


KEEP_ALL = Policy()


def layout(engine, policy=KEEP_ALL):
    made = Layout(engine, describe(engine), Wishes(30, policy), lambda: NOW_MS)
    made.settle()
    return made


def work_off(layout):
    for chore in layout.chores():
        for _ in range(20):
            if chore.step() is None:
                break


def test_the_start_says_how_readings_are_kept(on_chunked):
    with capture_logs() as logs:
        layout(on_chunked.engine, Policy(90, 400, 0))

    (said,) = [entry for entry in logs if entry["event"] == LAYOUT_SETTLED]
    assert said["edition"] == describe(on_chunked.engine).edition.value
    assert said["version"].startswith("PostgreSQL ")
    assert "TimescaleDB " in said["version"]
    assert said["chunk_interval"] == "30 days"
    assert "columnstore" in said["columnstore"]
    assert said["retention"] == "keeps readings 90 days, hourly values 400 days"


def test_health_says_it_in_a_line(on_chunked):
    edition = describe(on_chunked.engine).edition.value
    said = layout(on_chunked.engine).sentence()

    assert f" ({edition}); chunks of 30 days; " in said
    assert said.endswith("; everything is kept")


@pytest.mark.parametrize("kind", ["sqlite", "plain"])
def test_without_hypertables_there_are_no_chunks(kind, request):
    engine = request.getfixturevalue(f"{kind}_engine")

    said = layout(engine).sentence()

    assert said == f"{describe(engine).version}; no chunks; no columnstore; everything is kept"


def test_what_holds_removal_up_is_told(field):
    field.store(1, [NOW_MS - 100 * DAY_MS])
    made = layout(field.engine, Policy(raw_days=30))
    (retain,) = [one for one in made.chores() if one.name == "retention"]
    assert retain.step() > 0, "it is tried again soon"

    assert made.sentence().endswith("removal waits for rollups that are not computed yet")

    field.roll_up()
    work_off(made)
    assert field.times(1) == []
    assert made.sentence().endswith("keeps readings 30 days")


def test_what_came_too_late_is_told(field):
    field.store(1, [NOW_MS - 100 * DAY_MS])
    field.roll_up()
    made = layout(field.engine, Policy(raw_days=30))
    work_off(made)

    field.store(1, [NOW_MS - 99 * DAY_MS, NOW_MS - 98 * DAY_MS, NOW_MS])

    assert made.sentence().endswith("; 2 readings came too late to be kept")


def test_a_database_that_is_gone_does_not_stop_health(sqlite_engine, tmp_path):
    made = layout(sqlite_engine, Policy(raw_days=30))
    with sqlite_engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE retention_horizon")

    assert made.sentence().endswith("keeps readings 30 days")
