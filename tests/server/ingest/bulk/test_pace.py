"""How much goes into one transaction: what the last ones took decides."""

import pytest

from server.ingest.bulk.group import MAX_COST
from server.ingest.bulk.pace import MIN_COST, TARGET_S, Pace


def test_it_begins_with_all_there_may_be():
    assert Pace().limit == MAX_COST


def test_a_slow_machine_gets_smaller_groups_until_they_take_as_long_as_they_may():
    pace = Pace()
    for _ in range(50):
        pace.note(pace.limit, pace.limit * 10e-6)

    assert pace.limit == pytest.approx(TARGET_S / 10e-6, rel=0.01)


def test_however_slow_a_group_has_a_least_size():
    pace = Pace()
    for _ in range(50):
        pace.note(MIN_COST, 60.0)

    assert pace.limit == MIN_COST


def test_a_small_transaction_says_nothing():
    pace = Pace()
    pace.note(30, 1.0)

    assert pace.limit == MAX_COST
