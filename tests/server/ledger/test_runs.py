"""Runs of sequence numbers against a dictionary that holds each number by itself."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from server.ledger.runs import Fate, Run, count, head, place, subtract, union, yielding

ORDER = [Fate.LOST, Fate.CARRIED, Fate.WAITING, Fate.REFUSED, Fate.STORED]
HIGHEST = 25

spans = st.tuples(st.integers(1, HIGHEST), st.integers(0, 6)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)


def numbers(found):
    return {n for first, last in found for n in range(first, last + 1)}


# What is laid at once: spans in order, and one fate.
layers = st.tuples(st.lists(spans).map(union), st.sampled_from(ORDER))


@given(st.lists(layers))
def test_of_several_fates_the_strongest_holds_in_any_order(told):
    laid, expected = [], {}
    for found, fate in told:
        laid = place(laid, found, fate)
        for number in numbers(found):
            expected[number] = max(expected.get(number, fate), fate, key=ORDER.index)

    assert {n: run.fate for run in laid for n in range(run.first, run.last + 1)} == expected


@given(st.lists(layers))
def test_runs_never_overlap_and_are_as_few_as_can_be(told):
    laid = []
    for found, fate in told:
        laid = place(laid, found, fate)

    for one, two in pairwise(laid):
        assert one.last < two.first
        assert one.last + 1 < two.first or one.fate is not two.fate


@given(st.lists(layers), spans, st.sampled_from(ORDER))
def test_what_gives_way_is_what_has_that_fate_afterwards_and_had_not(told, span, fate):
    runs = []
    for found, one in told:
        runs = place(runs, found, one)
    before = {n for run in runs if run.fate is fate for n in range(run.first, run.last + 1)}

    after = place(runs, [span], fate)

    has = {n for run in after if run.fate is fate for n in range(run.first, run.last + 1)}
    assert numbers(yielding(runs, [span], fate)) == has - before


def test_a_million_batches_in_order_are_one_run():
    runs = [Run(1, 999_999, Fate.STORED)]

    assert place(runs, [(1_000_000, 1_000_000)], Fate.STORED) == [Run(1, 1_000_000, Fate.STORED)]


@given(st.integers(0, HIGHEST), st.lists(spans), st.lists(spans), st.lists(spans))
def test_holes_are_what_is_sealed_and_neither_stored_refused_nor_lost(
    sealed, stored, refused, lost
):
    holes = subtract([(1, sealed)] if sealed else [], union([*stored, *refused, *lost]))

    known = numbers(stored) | numbers(refused) | numbers(lost)
    assert numbers(holes) == set(range(1, sealed + 1)) - known
    assert count(holes) == len(numbers(holes))


@given(st.lists(spans))
def test_a_union_holds_each_number_once(told):
    found = union(told)

    assert numbers(found) == numbers(told)
    assert all(two[0] > one[1] + 1 for one, two in pairwise(found))


@given(st.lists(spans), st.integers(0, 40))
def test_the_head_of_spans_is_their_first_numbers(told, limit):
    found = head(union(told), limit)

    assert sorted(numbers(found)) == sorted(numbers(told))[:limit]
