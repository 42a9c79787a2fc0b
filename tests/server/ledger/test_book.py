"""The book of runs in both databases: few rows, the strongest fate, nothing lost that is here."""

import pytest
from sqlalchemy import select

from server.db.engine import writing
from server.db.tables import gateway_epoch, ledger_range
from server.ledger import book
from server.ledger.book import Epoch
from server.ledger.runs import Fate
from server.ledger.tally import percent, read_holes, read_spans, read_tallies
from wire.messages import OutboxFigures

NOW = 1_767_225_600_000
DUNE = Epoch("dune", "a1b2c3d4")


@pytest.fixture
def connection(engine):
    with writing(engine) as opened:
        yield opened


def note(connection, fate, *seqs, epoch=DUNE):
    for seq in seqs:
        book.note(connection, epoch, seq, fate, NOW)


def report(connection, at_ms=NOW, *, retained=False, **figures):
    said = OutboxFigures(epoch=DUNE.name, **figures)
    book.note_figures(connection, DUNE, said, at_ms, retained=retained)


def rows(connection):
    found = select(ledger_range.c.first, ledger_range.c.last, ledger_range.c.fate)
    ordered = found.where(ledger_range.c.gateway == "dune").order_by(ledger_range.c.first)
    return [tuple(row) for row in connection.execute(ordered)]


def tally(connection):
    (one,) = read_tallies(connection, "dune")
    return one


def test_batches_in_any_order_become_one_range(connection):
    note(connection, Fate.STORED, 5, 3, 1, 4, 2, 9, 7, 8, 6, 4)

    assert rows(connection) == [(1, 9, "stored")]


def test_a_refused_batch_in_the_middle_is_stored_after_a_replay(connection):
    note(connection, Fate.STORED, 1, 2, 4, 5)
    note(connection, Fate.REFUSED, 3)
    between = rows(connection)
    note(connection, Fate.STORED, 3)

    assert between == [(1, 2, "stored"), (3, 3, "refused"), (4, 5, "stored")]
    assert rows(connection) == [(1, 5, "stored")]


def test_what_is_stored_stays_stored(connection):
    note(connection, Fate.STORED, 1, 2, 3)
    note(connection, Fate.REFUSED, 2)
    note(connection, Fate.WAITING, 1)

    assert rows(connection) == [(1, 3, "stored")]


def test_the_highest_number_there_is_can_be_noted(connection):
    note(connection, Fate.STORED, 2**63 - 1)

    assert rows(connection) == [(2**63 - 1, 2**63 - 1, "stored")]


def test_other_gateways_and_epochs_are_left_alone(connection):
    note(connection, Fate.STORED, 1, 2)
    note(connection, Fate.STORED, 3, epoch=Epoch("dune", "ffffffff"))
    note(connection, Fate.STORED, 4, epoch=Epoch("edge", DUNE.name))

    assert [one.stored for one in read_tallies(connection, "dune")] == [2, 1]


def test_only_sealed_numbers_that_have_not_come_are_lost(connection):
    note(connection, Fate.STORED, 1, 2, 5)
    report(connection, sealed=8)

    counted = book.note_gone(connection, DUNE, [(2, 3), (7, 500), (3, 4)])

    assert counted == 4
    assert rows(connection) == [(1, 2, "stored"), (3, 4, "lost"), (5, 5, "stored"), (7, 8, "lost")]


def test_a_lost_batch_that_comes_after_all_is_stored(connection):
    note(connection, Fate.STORED, 1)
    report(connection, sealed=3)
    book.note_gone(connection, DUNE, [(2, 3)])
    note(connection, Fate.STORED, 2)

    assert rows(connection) == [(1, 2, "stored"), (3, 3, "lost")]


def test_of_an_unknown_epoch_nothing_can_be_lost(connection):
    assert book.note_gone(connection, DUNE, [(1, 9)]) == 0


def test_holes_are_listed_with_the_end_that_has_not_come(connection):
    note(connection, Fate.STORED, 2, 3, 7)
    note(connection, Fate.REFUSED, 5)

    assert read_holes(connection, DUNE, 10, 9) == [(1, 1), (4, 4), (6, 6), (8, 10)]
    assert read_holes(connection, DUNE, 10, 2) == [(1, 1), (4, 4)]
    assert read_holes(connection, DUNE, 7, 9) == [(1, 1), (4, 4), (6, 6)]
    assert read_spans(connection, DUNE, Fate.REFUSED, 9) == [(5, 5)]


def test_a_tally_counts_every_sealed_batch_once(connection):
    note(connection, Fate.STORED, 1, 2, 3, 4)
    note(connection, Fate.REFUSED, 5)
    note(connection, Fate.WAITING, 6)
    report(connection, sealed=10, unconfirmed=3, lost=1)

    found = tally(connection)

    assert (found.stored, found.refused, found.waiting, found.lost, found.holes) == (4, 1, 1, 1, 3)
    assert found.completeness == 40.0


def test_what_a_gateway_counted_as_lost_is_not_counted_again_when_it_is_named(connection):
    note(connection, Fate.STORED, 1, 2)
    report(connection, sealed=4, lost=1)
    before = tally(connection)
    book.note_gone(connection, DUNE, [(3, 3)])

    assert (
        (before.lost, before.holes) == (tally(connection).lost, tally(connection).holes) == (1, 1)
    )


def test_without_a_status_the_highest_number_counts_as_sealed(connection):
    note(connection, Fate.STORED, 4)

    assert (tally(connection).sealed, tally(connection).holes) == (4, 3)


def test_an_old_retained_word_changes_nothing(connection):
    report(connection, NOW, sealed=9, unconfirmed=2)
    report(connection, NOW - 1, sealed=5, unconfirmed=4, retained=True)

    assert (tally(connection).sealed, tally(connection).unconfirmed) == (9, 2)


def test_numbers_are_never_unsealed(connection):
    report(connection, NOW, sealed=9)
    report(connection, NOW + 1, sealed=3, unconfirmed=1)

    assert (tally(connection).sealed, tally(connection).unconfirmed) == (9, 1)


def test_holes_that_the_gateway_will_send_by_itself_are_not_asked_for(connection):
    note(connection, Fate.STORED, 1, 2)
    note(connection, Fate.WAITING, 3)
    report(connection, sealed=5, unconfirmed=3)
    waits = tally(connection).has_unsent_holes
    report(connection, sealed=5, unconfirmed=2)

    assert (waits, tally(connection).has_unsent_holes) == (False, True)


def test_an_epoch_is_first_seen_once(connection):
    note(connection, Fate.STORED, 1, 5)
    report(connection, NOW + 5, sealed=9)

    seen = connection.execute(select(gateway_epoch.c.first_seen_at)).scalar_one()
    assert seen == NOW


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(0, 0, 100.0), (1, 3, 33.33), (99_999, 100_000, 99.99), (7, 7, 100.0)],
)
def test_a_share_is_rounded_down(part, whole, expected):
    assert percent(part, whole) == expected


def close(connection, carried=(), at_ms=NOW, **figures):
    report(connection, at_ms, closed=True, carried=list(carried), **figures)


def test_what_was_carried_over_fills_the_holes_of_a_closed_epoch(connection):
    note(connection, Fate.STORED, 1, 2, 5)
    note(connection, Fate.REFUSED, 6)
    note(connection, Fate.WAITING, 7)

    close(connection, [(2, 8)], sealed=9)

    assert rows(connection) == [
        (1, 2, "stored"),
        (3, 4, "carried"),
        (5, 5, "stored"),
        (6, 6, "refused"),
        (7, 7, "waiting"),
        (8, 8, "carried"),
    ]


def test_the_same_word_again_changes_nothing(connection):
    note(connection, Fate.STORED, 1, 4)
    close(connection, [(2, 3), (6, 8)], sealed=9)
    before = rows(connection)
    close(connection, [(2, 3), (6, 8)], NOW + 60_000, sealed=9)

    assert rows(connection) == before == [
        (1, 1, "stored"), (2, 3, "carried"), (4, 4, "stored"), (6, 8, "carried")
    ]  # fmt: skip


def test_a_carried_batch_that_arrives_late_is_stored(connection):
    close(connection, [(1, 3)], sealed=3)
    note(connection, Fate.STORED, 2)

    assert rows(connection) == [(1, 1, "carried"), (2, 2, "stored"), (3, 3, "carried")]


def test_what_an_outbox_could_not_name_and_a_salvage_found_is_not_lost(connection):
    report(connection, sealed=6)
    book.note_gone(connection, DUNE, [(2, 5)])
    close(connection, [(3, 4)], sealed=6)
    book.note_gone(connection, DUNE, [(1, 6)])

    assert rows(connection) == [(1, 2, "lost"), (3, 4, "carried"), (5, 6, "lost")]


def test_nothing_is_carried_that_was_never_sealed_or_of_an_open_epoch(connection):
    report(connection, sealed=4, carried=[(1, 4)])
    opened = rows(connection)
    close(connection, [(3, 900)], sealed=4)

    assert (opened, rows(connection)) == ([], [(3, 4, "carried")])


def test_ranges_that_are_none_are_passed_over(connection):
    close(connection, [(9, 2), (2, 3)], sealed=9)

    assert rows(connection) == [(2, 3, "carried")]


def test_a_closed_epoch_waits_for_nothing_and_says_where_the_rest_lies(connection):
    note(connection, Fate.STORED, 1, 2, 3, 4)
    close(connection, [(5, 6)], sealed=10, unconfirmed=2, lost=1)

    found = tally(connection)

    assert (found.holes, found.has_unsent_holes) == (0, False)
    assert (found.carried, found.lost, found.set_aside) == (2, 1, 3)
    assert (found.expected, found.completeness) == (8, 50.0)


def test_an_epoch_that_its_gateway_uses_again_is_open_again(connection):
    close(connection, sealed=3)
    report(connection, NOW + 1, sealed=3)

    assert (tally(connection).holes, tally(connection).set_aside) == (3, 0)


def test_of_a_hacked_up_ledger_only_so_much_is_looked_through_at_once(connection, monkeypatch):
    monkeypatch.setattr(book, "MAX_LOOKED_THROUGH", 3)
    note(connection, Fate.STORED, 2, 4, 6, 8)

    close(connection, [(1, 9)], sealed=9)

    assert rows(connection)[-3:] == [(5, 5, "carried"), (6, 6, "stored"), (8, 8, "stored")]
