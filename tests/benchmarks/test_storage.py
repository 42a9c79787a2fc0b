"""`bin/bench storage`: what it counts, and what it tells."""

import json
import re
import signal
import time

import pytest
from sqlalchemy import text

from benchmarks import storage
from benchmarks.ingest_suite.station import CHANNELS
from benchmarks.storage import Found
from benchmarks.storage_suite.figures import broken_limits, figures
from benchmarks.storage_suite.sizes import OBSERVATIONS, bytes_of, tidy
from benchmarks.storage_suite.stored import load_of
from server.db.engine import Edition, open_engine
from server.db.migrate import upgrade

NOW_MS = 1_767_225_600_000


@pytest.fixture(autouse=True)
def sigterm_as_before():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_past_of_hours_ends_now():
    load = load_of(12_001, NOW_MS + 1)

    assert load.batches == 2
    assert load.batches * len(load.gateways) * load.batch_readings == 2 * 10 * 20 * 60
    assert len(CHANNELS) == 20
    assert load.end_ms == NOW_MS


def test_of_the_journals_the_larger_one_counts():
    told = figures(
        {Edition.APACHE: 84.256, Edition.SQLITE: 22.9}, {Edition.APACHE: 1.6, Edition.SQLITE: 1.0}
    )

    assert told == {"apache_b": 84.26, "sqlite_b": 22.9, "journal_b": 1.6}


def test_the_edition_names_the_figure():
    assert "community_b" in figures({Edition.COMMUNITY: 5}, {Edition.COMMUNITY: 1})
    assert "apache_b" in figures({Edition.PLAIN: 84}, {Edition.PLAIN: 1})


@pytest.mark.parametrize(
    ("told", "broken"),
    [
        ({"apache_b": 90, "sqlite_b": 30, "journal_b": 2}, []),
        ({"community_b": 6.01, "journal_b": 1}, ["community_b 6.01 is over 6"]),
        ({"apache_b": 90.5}, ["apache_b 90.5 is over 90"]),
        ({"sqlite_b": 31}, ["sqlite_b 31 is over 30"]),
        ({"journal_b": 2.5}, ["journal_b 2.5 is over 2"]),
    ],
)
def test_what_is_over_its_limit_is_named(told, broken):
    assert broken_limits(told) == broken


@pytest.mark.parametrize(("apache_b", "held", "code"), [(84.2, True, 0), (92.0, False, 1)])
def test_the_json_line_says_whether_it_held(monkeypatch, capsys, apache_b, held, code):
    found = [Found(Edition.APACHE, apache_b, 1.5), Found(Edition.SQLITE, 22.9, 1.0)]
    monkeypatch.setattr(storage, "_measure", lambda _: found)

    assert storage.main(["--json"]) == code
    assert json.loads(capsys.readouterr().out) == {
        "name": "storage",
        "figures": {"apache_b": apache_b, "sqlite_b": 22.9, "journal_b": 1.5},
        "held": held,
    }


@pytest.fixture(params=["sqlite", "timescale"])
def engine(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'saxaul.db'}"
    if request.param == "timescale":
        url = request.getfixturevalue("timescale_database")
    opened = open_engine(url)
    upgrade(opened)
    yield opened
    opened.dispose()


FILL = {
    "sqlite": """
WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 19999)
INSERT INTO observation (time, value, datastream_id, quality) SELECT n, 0.5, 1, 1 FROM n
""",
    "postgresql": """
INSERT INTO observation (time, value, datastream_id, quality)
SELECT to_timestamp(n * 300), 0.5, 1, 1 FROM generate_series(0, 19999) AS n
""",
}
# In two chunks of 30 days or three, with the index: what rows take in their pages at the least.
LEAST_B = {"sqlite": 12, "postgresql": 52 + 16}


def test_rows_are_counted_with_their_chunks_and_indexes(engine):
    empty = bytes_of(engine, OBSERVATIONS)
    with engine.begin() as connection:
        connection.execute(text(FILL[engine.dialect.name]))

    taken = bytes_of(engine, OBSERVATIONS) - empty

    least = LEAST_B[engine.dialect.name]
    assert least < taken / 20_000 < 2 * least


def test_room_that_was_freed_is_not_counted(engine):
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO site (id, key, name) VALUES (1, 'a', :name)"), {"name": "x" * 100}
        )
    before = bytes_of(engine, ["site"])
    with engine.begin() as connection:
        rows = [{"id": n, "name": f"{n} " * 500} for n in range(2, 500)]
        connection.execute(text("INSERT INTO site (id, key, name) VALUES (:id, :id, :name)"), rows)
        connection.execute(text("DELETE FROM site WHERE id > 1"))

    deadline_s = time.monotonic() + 30
    while bytes_of(engine, ["site"]) != before:  # while others look, the rows are kept for them
        assert time.monotonic() < deadline_s, "what was removed still takes room"
        tidy(engine, ["site"])


def test_a_small_past_is_stored_and_weighed(timescale_url, capsys):
    code = storage.main(["--json", "--rows", "12000", "--database-url", timescale_url])

    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert told["name"] == "storage"
    assert {"sqlite_b", "journal_b"} < set(told["figures"])
    assert all(value > 0 for value in told["figures"].values())
    assert told["held"] is (code == 0) is (broken_limits(told["figures"]) == [])
    # Hour and day of each series: at least 76 bytes for 60 readings.
    in_rollups = [float(one) for one in re.findall(r"each, ([\d.]+) in rollups", printed.err)]
    assert len(in_rollups) == 2
    assert min(in_rollups) > 76 / 60 / 2
