"""The chunk interval follows what was measured in the last days."""

import pytest
from sqlalchemy import text

from server.db.engine import writing
from server.hypertable.chunks import DAY_MS, FIRST_MS, HOUR_MS
from server.hypertable.intervals import (
    Chosen,
    choose_anew,
    measure,
    read_interval,
    read_memory,
    write_interval,
)

NOW_MS = 1_767_225_600_000
FILL = text("""
INSERT INTO observation (time, value, datastream_id, quality)
SELECT to_timestamp(:to_s) - n * make_interval(secs => :every_s), 0.5, 1, 1
FROM generate_series(1, :rows) AS n
""")


def fill(field, rows, every_s, to_ms=NOW_MS):
    with writing(field.engine) as connection:
        asked = {"rows": rows, "every_s": every_s, "to_s": to_ms / 1000}
        connection.execute(FILL, asked)


@pytest.fixture
def measured(on_chunked):
    def ask():
        with on_chunked.engine.connect() as connection:
            return measure(connection, NOW_MS)

    return ask


def test_the_first_interval_is_a_month(chunked_engine):
    with chunked_engine.connect() as connection:
        assert read_interval(connection) == FIRST_MS == 30 * DAY_MS


@pytest.mark.parametrize("kind", ["sqlite", "plain"])
def test_elsewhere_there_is_none(kind, request):
    engine = request.getfixturevalue(f"{kind}_engine")

    assert choose_anew(engine, NOW_MS) is None
    if kind == "plain":
        with engine.connect() as connection:
            assert read_interval(connection) is None


def test_the_rate_is_that_of_the_last_days(on_chunked, measured):
    fill(on_chunked, 20_000, 30.0)  # almost a week
    fill(on_chunked, 20_000, 1.0, to_ms=NOW_MS - 40 * DAY_MS)

    assert measured().rows_per_s == pytest.approx(1 / 30, rel=0.02)


def test_what_came_as_a_backlog_is_not_taken_for_the_rate(on_chunked, measured):
    """It fills the chunks of its own time."""
    fill(on_chunked, 3 * 1440, 60.0)
    fill(on_chunked, 20_000, 1.0, to_ms=NOW_MS - 10 * DAY_MS)

    assert measured().rows_per_s == pytest.approx(1 / 60, rel=0.05)


def test_a_large_chunk_is_looked_at_in_part_only(on_chunked, measured, monkeypatch):
    monkeypatch.setattr("server.hypertable.intervals._SAMPLE_PAGES", 40)
    fill(on_chunked, 40_000, 6.0)

    assert measured().rows_per_s == pytest.approx(1 / 6, rel=0.3)


def test_a_row_takes_what_it_takes_with_its_index(on_chunked, measured):
    fill(on_chunked, 30_000, 8.0)

    assert 60 < measured().row_bytes < 130


def test_less_than_a_day_tells_nothing(on_chunked, measured):
    fill(on_chunked, 1000, 60.0)

    assert measured() is None
    assert choose_anew(on_chunked.engine, NOW_MS) == Chosen(FIRST_MS, FIRST_MS)


def test_memory_is_reckoned_by_the_smaller_word(on_chunked):
    """effective_cache_size is 4 GB where nobody has thought of it, also on a small machine."""
    with on_chunked.engine.connect() as connection:
        connection.execute(text("SET effective_cache_size = '64MB'"))
        assert read_memory(connection) == 64 * 1024**2
        connection.execute(text("SET effective_cache_size = '40GB'"))
        shared = connection.execute(
            text("SELECT pg_size_bytes(current_setting('shared_buffers'))")
        ).scalar_one()
        assert read_memory(connection) == 4 * shared


def test_an_interval_that_does_not_fit_is_changed_for_new_chunks(on_chunked, monkeypatch):
    monkeypatch.setattr("server.hypertable.intervals.read_memory", lambda _: 12_000_000)
    fill(on_chunked, 20_000, 15.0)

    chosen = choose_anew(on_chunked.engine, NOW_MS)

    assert chosen.before_ms == FIRST_MS
    assert chosen.interval_ms in (3 * DAY_MS, 7 * DAY_MS)
    on_chunked.store(1, [NOW_MS + 60 * DAY_MS])
    with on_chunked.engine.connect() as connection:
        assert read_interval(connection) == chosen.interval_ms
        newest = connection.execute(
            text(
                "SELECT range_end - range_start FROM timescaledb_information.chunks "
                "WHERE hypertable_name = 'observation' ORDER BY range_start DESC LIMIT 1"
            )
        ).scalar_one()
    assert newest.total_seconds() * 1000 == chosen.interval_ms
    assert choose_anew(on_chunked.engine, NOW_MS).interval_ms == chosen.interval_ms


# ---------------------------------------------------------------- strewn readings


def count_chunks(field):
    with field.engine.connect() as connection:
        return connection.execute(
            text(
                "SELECT count(*) FROM timescaledb_information.chunks "
                "WHERE hypertable_name = 'observation'"
            )
        ).scalar_one()


def test_a_history_of_daily_values_makes_no_chunk_a_day(on_chunked):
    """Thousands of chunks, once made, would slow every plan, and be locked all at once."""
    with writing(on_chunked.engine) as connection:
        write_interval(connection, 6 * HOUR_MS)

    on_chunked.store(1, [day * DAY_MS for day in range(2000)])

    assert len(on_chunked.times(1)) == 2000
    assert count_chunks(on_chunked) <= 2000 / 30 + 2
    with on_chunked.engine.connect() as connection:
        assert read_interval(connection) == 6 * HOUR_MS


def test_a_backlog_of_days_has_chunks_as_they_are_set(on_chunked):
    with writing(on_chunked.engine) as connection:
        write_interval(connection, DAY_MS)

    on_chunked.store(1, [NOW_MS - hour * HOUR_MS for hour in range(24 * 9)])

    assert 9 <= count_chunks(on_chunked) <= 10


def test_an_insert_that_fails_leaves_the_interval_as_it_was(on_chunked):
    with writing(on_chunked.engine) as connection:
        write_interval(connection, 6 * HOUR_MS)
    with pytest.raises(OverflowError):
        on_chunked.store(2**31, [day * DAY_MS for day in range(200)])

    with on_chunked.engine.connect() as connection:
        assert read_interval(connection) == 6 * HOUR_MS


def test_strewn_readings_are_stored_without_hypertables_too(on_plain):
    on_plain.store(1, [day * DAY_MS for day in range(500)])

    assert len(on_plain.times(1)) == 500
