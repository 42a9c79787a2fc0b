"""What counts as a broken promise."""

from decimal import Decimal

import pytest

from benchmarks.chaos_suite.power_cut.promises import Held, HeldBatch, Promises, judge
from benchmarks.chaos_suite.power_cut.told import (
    Appended,
    Appending,
    Batch,
    Condemning,
    Content,
    Opened,
    Pruning,
    Row,
    SealedBatches,
    Settled,
    Settling,
    decode,
    encode,
)


def row(n, value="1.50"):
    return Row(("d-1/s-1/x", n), Content(Decimal(value), 1, ""))


OPENED = Opened("e1")
APPEND = (Appending([row(1), row(2)]), Appended())
SEAL = SealedBatches([Batch(1, "aa", [row(1).key, row(2).key])])
BATCH = HeldBatch(1, "unconfirmed", "aa", [row(1), row(2)])


def kinds(messages, **held):
    promises = Promises()
    for one in (OPENED, *messages):
        promises.hear(decode(encode(one).decode()))
    found = {"epoch": "e1", "sealed": 0, "salvages": 0, "pending": [], "batches": []} | held
    return {one.kind for one in judge(promises, Held(**found))}


def test_all_there_is_well():
    assert kinds(APPEND, pending=[row(1), row(2)]) == set()
    assert kinds((*APPEND, SEAL), sealed=1, batches=[BATCH]) == set()


def test_what_was_appended_must_be_there():
    assert kinds(APPEND, pending=[row(1)]) == {"lost"}


def test_what_was_only_about_to_be_appended_may_be_there_but_not_in_part():
    assert kinds(APPEND[:1]) == set()
    assert kinds(APPEND[:1], pending=[row(1), row(2)]) == set()
    assert kinds(APPEND[:1], pending=[row(1)]) == {"wrong"}


def test_once_is_enough():
    assert kinds(APPEND, pending=[row(1), row(2), row(2)]) == {"duplicated"}
    assert kinds((*APPEND, SEAL), sealed=1, pending=[row(2)], batches=[BATCH]) == {"duplicated"}


def test_a_value_must_be_the_one_that_was_appended():
    assert kinds(APPEND, pending=[row(1), row(2, "1.51")]) == {"wrong"}


def test_nothing_is_invented():
    assert kinds((), pending=[row(1)]) == {"invented"}


def test_a_number_is_not_given_out_again():
    later = HeldBatch(1, "unconfirmed", "bb", [row(1), row(2)])

    assert kinds((*APPEND, SEAL), sealed=0, pending=[row(1), row(2)]) == {"renumbered"}
    assert kinds((*APPEND, SEAL), sealed=1, batches=[later]) == {"renumbered"}


@pytest.mark.parametrize("state", ["stored", "refused"])
def test_a_batch_is_settled_only_by_the_servers_word(state):
    settled = HeldBatch(1, state, "aa", [row(1), row(2)])
    word = Settling(state, [1])

    assert kinds((*APPEND, SEAL), sealed=1, batches=[settled]) == {"ahead"}
    assert kinds((*APPEND, SEAL, word), sealed=1, batches=[settled]) == set()
    assert kinds((*APPEND, SEAL, word), sealed=1, batches=[BATCH]) == set()
    assert kinds((*APPEND, SEAL, word, Settled()), sealed=1, batches=[BATCH]) == {"lost"}


def test_only_what_was_confirmed_may_be_pruned():
    word = (Settling("stored", [1]), Settled())

    assert kinds((*APPEND, SEAL, Pruning()), sealed=1) == {"lost"}
    assert kinds((*APPEND, SEAL, *word), sealed=1) == {"lost"}
    assert kinds((*APPEND, SEAL, *word, Pruning()), sealed=1) == set()


def test_a_power_cut_is_no_reason_to_salvage():
    carried = {"epoch": "e2", "salvages": 1, "pending": [row(1), row(2)]}

    assert kinds(APPEND, **carried) == {"salvaged"}
    assert kinds((*APPEND, Condemning()), **carried) == set()
