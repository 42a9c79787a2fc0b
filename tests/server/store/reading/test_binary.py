"""What PostgreSQL sends as arrays comes out as it went in, and in one message as one by one."""

import psycopg
import pytest

from server.db.engine import open_engine
from server.store.reading.binary import Ask, driver_of, fetch_all
from server.store.reading.bounded import TooSlowError, reading_first

FIELDS = (("id", "int"), ("text", "text"), ("many", "long"), ("at", "time"))
ROWS = Ask(
    "VALUES (1, 'µS/cm', 5000000000, timestamptz '2026-11-20 06:00:00.123Z'), "
    "(2, '', -1, timestamptz '1970-01-01 00:00Z')",
    (),
    FIELDS,
)
NONE = Ask("SELECT 1, 'a', 1::bigint, now() WHERE %s", (False,), FIELDS)
TOLD = {
    "id": [1, 2],
    "text": ["µS/cm", ""],
    "many": [5_000_000_000, -1],
    "at": [1_795_154_400_123, 0],
}


def told(arrays):
    return {name: column.tolist() for name, column in arrays.items()}


@pytest.fixture
def postgresql(timescale_database):
    engine = open_engine(timescale_database)
    yield engine
    engine.dispose()


def test_several_questions_have_their_own_answers(postgresql):
    with postgresql.connect() as connection:
        first, second = fetch_all(connection, [ROWS, NONE])

    assert told(first) == TOLD
    assert told(second) == {name: [] for name, _ in FIELDS}


def test_the_first_answers_are_of_the_transaction(postgresql):
    with reading_first(postgresql, 20, [ROWS]) as (connection, (first,)):
        state = driver_of(connection).info.transaction_status
    assert (told(first), state) == (TOLD, psycopg.pq.TransactionStatus.INTRANS)

    with postgresql.connect() as connection:  # the next one begins anew
        assert driver_of(connection).info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_first_question_that_takes_too_long_is_given_up(postgresql):
    slow = Ask("SELECT 1 FROM pg_sleep(60)", (), (("one", "int"),))

    with pytest.raises(TooSlowError), reading_first(postgresql, 0.05, [slow, ROWS]):
        pytest.fail("it was answered")
    with reading_first(postgresql, 20, [ROWS]) as (_, (first,)):
        assert told(first) == TOLD
