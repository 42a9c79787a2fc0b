"""What one sensor lends another, noted beside its readings."""

from decimal import Decimal

from gateway.buses.lending import FRESH_MS, Lending, Loan
from gateway.readings import Observation

AIR, DISTANCE, LENT = "d/mast/air_temperature", "d/sand/sand_distance", "d/sand/correction"


def lent(*rounds):
    """Pass observations (name, ms, value) on, a list at a time; give what was added."""
    passed = []
    lending = Lending([Loan(DISTANCE, AIR, LENT)], passed.extend)
    for one in rounds:
        lending([Observation(name, ms, value and Decimal(value)) for name, ms, value in one])
    return [(one.mono_ms, one.value, one.reason) for one in passed if one.datastream == LENT]


def test_the_last_value_is_noted_at_the_borrowers_instant():
    found = lent([(AIR, 0, "20.5")], [(AIR, 600, "21.5")], [(DISTANCE, 700, "1.8")])

    assert found == [(700, Decimal("21.5"), "")]


def test_one_that_comes_in_the_same_round_counts():
    assert lent([(DISTANCE, 700, "1.8"), (AIR, 700, "3")]) == [(700, Decimal(3), "")]


def test_an_old_value_is_none_and_so_is_one_that_failed():
    late = FRESH_MS + 1
    expected = (late, None, f"no value of {AIR}")

    assert lent([(AIR, 0, "20")], [(AIR, late - 5, None)], [(DISTANCE, late, "1")]) == [expected]
    assert lent([(DISTANCE, 5, "1.8")]) == [(5, None, f"no value of {AIR}")]


def test_what_nobody_borrows_beside_is_passed_on_alone():
    assert lent([(AIR, 0, "20")]) == []
