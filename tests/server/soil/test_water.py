"""What water in a soil means, against the worked numbers of FAO-56."""

import pytest

from server.soil.water import Limits, depletion_at, readily_mm, stress
from wire.derive.formula import read

DUNE = Limits(wilting_point=0.05, field_capacity=0.12, saturation=0.40)


def test_a_root_zone_holds_what_lies_between_its_limits():
    total = DUNE.total_mm(0.6)

    assert total == pytest.approx(42.0)
    assert readily_mm(total) == pytest.approx(21.0)
    assert DUNE.water_at(0.5) == pytest.approx(0.085)


@pytest.mark.parametrize(
    ("depleted", "ks"), [(0.0, 1.0), (21.0, 1.0), (30.0, 0.571), (42.0, 0.0), (50.0, 0.0)]
)
def test_stress_begins_when_the_readily_available_is_gone(depleted, ks):
    assert stress(depleted, 42.0) == pytest.approx(ks, abs=0.0005)


@pytest.mark.parametrize(("demand", "share"), [(5.0, 0.5), (8.0, 0.38), (0.0, 0.7), (20.0, 0.1)])
def test_with_more_demand_stress_begins_earlier(demand, share):
    assert depletion_at(demand) == pytest.approx(share)


def test_more_than_four_fifths_are_never_taken_without_stress():
    assert depletion_at(0.0, 0.7) == 0.8


@pytest.mark.parametrize(
    ("water", "relative"), [(0.05, 0.0), (0.12, 1.0), (0.085, 0.5), (0.03, -2 / 7), (0.19, 2.0)]
)
def test_relative_water_is_nothing_at_wilting_and_one_at_field_capacity(water, relative):
    """Beyond it goes on: what is dried out further, or wetter, can be told."""
    formula = read("relative-water/1(; field_capacity=0.12, wilting_point=0.05)")

    assert DUNE.relative(water) == pytest.approx(relative)
    assert formula.bound()(water) == pytest.approx(relative)
