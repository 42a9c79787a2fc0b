"""What takes too long is given up, and says what to ask instead."""

import pytest
from sqlalchemy import select, text

from server.db.engine import open_engine, writing
from server.db.tables import site
from server.store.reading.bounded import TooSlowError, reading

SLOW = {
    "sqlite": """
WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 100000000)
SELECT count(*) FROM n
""",
    "postgresql": "SELECT pg_sleep(60)",
}


def slow(engine):
    return text(SLOW[engine.dialect.name])


def test_a_statement_is_given_up_after_the_time_with_a_remedy(engine):
    with (
        pytest.raises(TooSlowError, match=r"longer than the 0\.1 s .* a shorter range"),
        reading(engine, 0.1) as connection,
    ):
        connection.execute(slow(engine))


def test_the_next_one_on_the_connection_has_its_own_time(engine):
    with pytest.raises(TooSlowError), reading(engine, 0.05) as connection:
        connection.execute(slow(engine))
    with reading(engine, 20) as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 2")).scalar() == 2


def test_other_faults_stay_what_they_are(engine):
    with pytest.raises(Exception, match="nowhere"), reading(engine, 20) as connection:
        connection.execute(text("SELECT * FROM nowhere"))


def test_all_statements_see_one_state(engine):
    with writing(engine) as connection:
        connection.execute(site.insert().values(key="first", name="First"))
    with reading(engine, 20) as connection:
        before = connection.execute(select(site.c.key)).scalars().all()
        with writing(engine) as other:
            other.execute(site.insert().values(key="second", name="Second"))

        assert connection.execute(select(site.c.key)).scalars().all() == before == ["first"]


def test_who_reads_changes_nothing(timescale_database):
    engine = open_engine(timescale_database)
    with pytest.raises(Exception, match="read-only"), reading(engine, 20) as connection:
        connection.execute(text("CREATE TABLE found (id integer)"))
    engine.dispose()
