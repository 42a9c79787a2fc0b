"""SD cards: an empty one is put in, the old ones are kept and counted."""

import pytest

from benchmarks.chaos_suite.faults.cards import Cards

NAME = "chaos-dune"


@pytest.fixture
def cards(tmp_path):
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "outbox.db").write_text("first")
    return Cards({NAME: folder})


def test_a_swap_leaves_an_empty_folder_and_keeps_the_old_one(cards, tmp_path):
    cards.swap(NAME)

    assert list(cards.folders[NAME].iterdir()) == []
    assert cards.old(NAME) == (tmp_path / f"{NAME}-card-1",)
    assert cards.all_outboxes(NAME) == [tmp_path / f"{NAME}-card-1" / "outbox.db"]


def test_each_card_counts(cards, tmp_path):
    cards.swap(NAME)
    (tmp_path / NAME / "outbox.db").write_text("second")
    cards.swap(NAME)
    (tmp_path / NAME / "outbox.db").write_text("third")

    assert [path.read_text() for path in cards.all_outboxes(NAME)] == ["first", "second", "third"]
    assert cards.outboxes() == {NAME: tmp_path / NAME / "outbox.db"}


def test_a_card_that_was_never_written_is_left_in(cards):
    cards.swap(NAME)
    cards.swap(NAME)

    assert len(cards.old(NAME)) == 1
