"""The account of a gateway, read from both databases."""

import pytest
from sqlalchemy import delete, event, update

from server.db.engine import writing
from server.db.tables import gateway, observation
from server.hypertable import horizon
from server.ledger import book
from server.ledger import series as reading
from server.ledger.account import read_account, read_gateways
from server.ledger.gaps import Cause
from server.ledger.sentences import completeness, lines
from server.ledger.series import Span
from server.ledger.tally import Tally
from server.store.engines import store_for
from tests.server.api.factory import HOUR, MINUTE, NOW
from tests.server.ledger.conftest import DUNE
from wire.messages import OutboxFigures

START = NOW - HOUR


@pytest.fixture
def account_of(filled):
    def read(from_ms=NOW - 24 * HOUR, to_ms=NOW, gateway="kubuqi-dune"):
        with filled.connect() as connection:
            return read_account(connection, store_for(filled), gateway, Span(from_ms, to_ms, NOW))

    return read


def gaps(account, name):
    (one,) = [series for series in account.series if series.name == name]
    return [
        ((gap.from_ms - START) // MINUTE, (gap.to_ms - START) // MINUTE, gap.cause)
        for gap in one.gaps
    ]


def test_each_gap_of_a_series_has_its_cause(account_of):
    account = account_of(to_ms=NOW - 25 * MINUTE)

    assert gaps(account, "dune-1/soil/vwc_raw") == [
        (10, 20, Cause.GATEWAY_OFF),
        (30, 33, Cause.SENSOR_MISSING),
    ]
    soil = account.series[1]
    assert (soil.expected, soil.values, soil.completeness) == (35, 22, 62.85)
    assert [gap.reason for gap in soil.gaps] == ["", "timeout"]


def test_what_retention_has_removed_is_no_gap(account_of, filled):
    """Of a series that was silent ever since, nothing tells whether it was before."""
    with writing(filled) as connection:
        connection.execute(update(gateway).values(first_seen_at=NOW - 20 * HOUR))
        connection.execute(delete(observation))
        horizon.advance(connection, horizon.Level.RAW, START + 25 * MINUTE)

    begins = {gap.from_ms for one in account_of().series for gap in one.gaps}

    assert begins
    assert min(begins) >= START + 25 * MINUTE


def test_derived_series_are_left_out(account_of):
    names = [one.name for one in account_of().series]

    assert names == ["dune-1/mast/air_temperature", "dune-1/soil/vwc_raw"]


def test_a_gap_after_the_last_batch_that_came_may_still_be_filled(account_of):
    """Batches 9 and 10 have not come, and nothing bounds them above."""
    assert gaps(account_of(), "dune-1/soil/vwc_raw")[-1] == (50, 55, Cause.NOT_YET_RECEIVED)


def test_batches_that_lack_are_named_with_the_time_they_come_from(account_of):
    (outbox,) = account_of().outboxes

    assert [(one.first, one.last, one.cause) for one in outbox.lacks] == [
        (9, 10, Cause.NOT_YET_RECEIVED),
        (6, 6, Cause.REFUSED),
        (8, 8, Cause.LOST),
    ]
    refused = outbox.lacks[1]
    assert [one.from_ms for one in outbox.lacks if one is not refused] == 2 * [START + 44 * MINUTE]
    assert (refused.from_ms, refused.to_ms) == (START + 36 * MINUTE, START + 41 * MINUTE)


def test_nothing_is_expected_before_a_series_began(account_of):
    assert account_of().series[0].from_ms == START


def test_within_its_life_a_series_is_measured_against_its_rhythm(account_of):
    account = account_of(from_ms=START + 12 * MINUTE + 30_000, to_ms=START + 25 * MINUTE)

    mast = account.series[0]
    assert (mast.from_ms, mast.expected, mast.values) == (START + 13 * MINUTE, 12, 5)
    assert gaps(account, mast.name) == [(13, 20, Cause.GATEWAY_OFF)]


def test_a_series_that_never_reported_is_one_gap(account_of, filled):
    with filled.begin() as connection:
        connection.exec_driver_sql("DELETE FROM observation")
    mast = account_of().series[0]

    assert (mast.from_ms, mast.expected, mast.values, mast.completeness) == (START, 60, 0, 0.0)


def test_only_the_newest_part_is_read_when_there_is_much(account_of, monkeypatch):
    monkeypatch.setattr(reading, "MAX_ROWS", 20)
    monkeypatch.setattr(reading, "MIN_ROWS_A_SERIES", 10)
    mast = account_of().series[0]

    assert (mast.from_ms, mast.values) == (NOW - 10 * MINUTE, 10)


def test_more_gaps_than_are_listed_are_counted(account_of, monkeypatch):
    monkeypatch.setattr(reading, "MAX_GAPS", 1)
    soil = account_of().series[1]

    assert (len(soil.gaps), soil.gaps[0].count, soil.more_gaps) == (1, 10, 2)


def test_an_unknown_gateway_has_no_account(account_of):
    assert account_of(gateway="nobody") is None


def test_a_gateway_without_anything_has_an_empty_account(account_of, filled):
    account = account_of(gateway="quiet")

    assert (list(account.outboxes), list(account.series)) == ([], [])
    assert list(lines(account)) == ["quiet: nothing sealed yet"]
    with filled.connect() as connection:
        assert read_gateways(connection) == ["kubuqi-dune", "quiet"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_observations_are_found_by_their_primary_key(account_of, filled):
    """No statement of the report walks through a table of observations or batches."""
    asked = []
    event.listen(filled, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
    account_of()

    plans = []
    with filled.connect() as connection:
        for statement, parameters in tuple(asked):
            if statement.startswith(("SELECT", "WITH")):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans += [row[3] for row in plan]
    walked = [step for step in plans if step.startswith("SCAN")]
    assert any("observation USING PRIMARY KEY" in step for step in plans)
    assert [step for step in walked if "journal" in step or "observation" in step] == []


def test_what_lies_in_a_file_that_was_set_aside_is_told_so(account_of, filled):
    """Batch 9 goes on under a newer epoch; nobody will send batch 10, and a gap may be in it."""
    closed = OutboxFigures(epoch=DUNE.name, sealed=10, closed=True, carried=[(9, 9)])
    with writing(filled) as connection:
        book.note_figures(connection, DUNE, closed, NOW, retained=False)
    account = account_of()
    (outbox,) = account.outboxes

    assert (outbox.lacks[0].first, outbox.lacks[0].last) == (10, 10)
    assert outbox.lacks[0].cause is Cause.SET_ASIDE
    assert gaps(account, "dune-1/soil/vwc_raw")[-1] == (50, 55, Cause.SET_ASIDE)
    summary = "66.66 %, 1 lost, 1 refused, 1 in a file set aside, 1 carried over"
    assert list(lines(account))[:3] == [
        f"kubuqi-dune: {summary}",
        f"  outbox a1b2c3d4 (closed): {summary} (10 batches sealed)",
        "    in the damaged file that its gateway set aside: 10, from 2026-11-20 06:44",
    ]


def tally(sealed=10_000, closed=False, **fates):
    return Tally("a1b2c3d4", 0, 0, sealed, 0, 0, fates, closed)


@pytest.mark.parametrize(
    ("tallies", "sentence"),
    [
        ([], "nothing sealed yet"),
        ([tally(stored=10_000)], "100 %"),
        ([tally(stored=9_996, lost=1)], "99.96 %, 3 holes, 1 lost"),
        ([tally(stored=9_999)], "99.99 %, 1 hole"),
        ([tally(10, stored=5), tally(10, stored=7, refused=2, waiting=1)], "60.00 %, 5 holes, 2 refused, 1 waiting"),
        ([tally(10, stored=5), tally(10, stored=7, carried=3)], "70.58 %, 5 holes, 3 carried over"),
        ([tally(10, stored=7, carried=3, closed=True)], "100 %, 3 carried over"),
        ([tally(9, stored=7, lost=1, closed=True)], "77.77 %, 1 lost, 1 in a file set aside"),
        ([tally(4, carried=4, closed=True)], "100 %, 4 carried over"),
    ],
)  # fmt: skip
def test_completeness_is_one_sentence(tallies, sentence):
    assert completeness(tallies) == sentence


def test_the_account_reads_as_text(account_of):
    text = list(lines(account_of(from_ms=NOW - 2 * HOUR, to_ms=NOW)))

    assert text[:6] == [
        "kubuqi-dune: 60.00 %, 2 holes, 1 lost, 1 refused",
        "  outbox a1b2c3d4: 60.00 %, 2 holes, 1 lost, 1 refused (10 batches sealed)",
        "    not yet received: 9 to 10, from 2026-11-20 06:44",
        "    refused: 6, from 2026-11-20 06:36 until 2026-11-20 06:41",
        "    lost: 8, from 2026-11-20 06:44",
        "  series from 2026-11-20 05:00 to 2026-11-20 07:00 UTC:",
    ]
    assert "    dune-1/soil/vwc_raw: 70.00 %, 42 of 60 values" in text
    assert "      2026-11-20 06:30 to 2026-11-20 06:33: 3 absent, sensor missing (timeout)" in text
