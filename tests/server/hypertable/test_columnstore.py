"""Old chunks are compressed where the edition can, and what comes late is stored all the same.

No more than rows is asked of the Apache edition: the same promises hold there without compression.
"""

import numpy as np
import pytest
from sqlalchemy import text

from server.db.engine import Edition, describe, open_engine, writing
from server.db.migrate import upgrade
from server.hypertable import columnstore
from server.store.engines import store_for
from server.store.port import Columns

MINUTE_MS = 60_000
START_MS = 1_735_689_600_000  # 2025-01-01T00:00Z
ROWS = 3000
CONVERT = "CALL convert_to_columnstore(CAST('{}' AS regclass), if_not_columnstore => true)"


@pytest.fixture
def compressed(on_chunked):
    """Two series of old readings, compressed where that can be done."""
    for one in (1, 2):
        on_chunked.store(one, [START_MS + n * MINUTE_MS for n in range(0, 2 * ROWS, 2)])
    edition = describe(on_chunked.engine).edition
    columnstore.settle(on_chunked.engine, edition, 30)
    if edition is Edition.COMMUNITY:
        compress_all(on_chunked.engine)
    return on_chunked


def compress_all(engine):
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for chunk in connection.execute(text("SELECT show_chunks('observation')")).scalars():
            connection.execute(text(CONVERT.format(chunk)))


def columns(times_ms, value=1.0):
    count = len(times_ms)
    return Columns(
        np.full(count, 1, np.int32),
        np.array(times_ms, np.int64),
        np.full(count, value),
        np.full(count, 1, np.int32),
    )


def test_a_row_that_is_there_already_does_not_lose_those_after_it(compressed):
    """timescale/timescaledb#7672: before 2.18.1 the insert stopped at the first conflict."""
    times = [START_MS + n * MINUTE_MS for n in range(2 * ROWS)]  # the first is there, the next not

    with writing(compressed.engine) as connection:
        added = store_for(compressed.engine).append(connection, columns(times))

    assert added == ROWS
    assert compressed.times(1) == times


def test_what_is_there_is_not_changed_by_what_comes_late(compressed):
    with writing(compressed.engine) as connection:
        store = store_for(compressed.engine)
        store.append(connection, columns([START_MS, START_MS + MINUTE_MS], value=99.0))

    with compressed.engine.connect() as connection:
        found = store.read_range(connection, 1, START_MS, START_MS + 3 * MINUTE_MS, 10)
    assert found.value.tolist() == [7.0, 99.0, 7.0]


def test_replay_writes_over_and_takes_out_old_readings(compressed):
    store = store_for(compressed.engine)
    with writing(compressed.engine) as connection:
        store.replace(connection, columns([START_MS], value=5.0))
        gone = np.array([START_MS + 2 * MINUTE_MS], np.int64)
        store.remove(connection, np.array([1], np.int32), gone)

    with compressed.engine.connect() as connection:
        found = store.read_range(connection, 1, START_MS, START_MS + 5 * MINUTE_MS, 10)
    assert found.value.tolist() == [5.0, 7.0]
    assert len(compressed.times(2)) == ROWS


def test_a_database_that_refuses_goes_on_with_rows(on_chunked):
    """A licence may be changed under a running server, and a version may differ from the manual."""
    if describe(on_chunked.engine).edition is Edition.COMMUNITY:
        with on_chunked.engine.begin() as connection:
            connection.execute(text("ALTER TABLE observation RENAME TO elsewhere"))

    try:
        said = columnstore.settle(on_chunked.engine, Edition.COMMUNITY, 30)
    finally:
        with on_chunked.engine.begin() as connection:
            connection.execute(text("ALTER TABLE IF EXISTS elsewhere RENAME TO observation"))

    assert said.startswith("the columnstore was refused (")
    assert on_chunked.store(1, [START_MS]) == 1


def test_a_bundle_that_comes_late_may_open_as_much_as_it_needs(timescale_database):
    """100,000 rows a statement otherwise, which a bundle of many stations' late batches exceeds."""
    engine = open_engine(timescale_database)
    upgrade(engine)
    with writing(engine) as connection:
        connection.execute(columnstore._UNLIMITED)
    engine.dispose()

    with engine.connect() as connection:
        setting = "timescaledb.max_tuples_decompressed_per_dml_transaction"
        assert connection.execute(text(f"SHOW {setting}")).scalar_one() == "0"
    engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "plain"])
def test_others_have_none(kind, request):
    engine = request.getfixturevalue(f"{kind}_engine")

    assert columnstore.settle(engine, describe(engine).edition, 30) == "no columnstore"
