"""The SR50A."""

import pytest

from firmware_sim.devices.campbell import Sr50a

NOW = 1_795_000_000.0


@pytest.fixture
def ranger(set_up):
    return Sr50a(set_up("Campbell SR50A", height_m=2.5))


def test_warm_air_makes_the_bare_distance_too_short(ranger):
    """2.4 m at 25 degrees: 2.4 / 1.04476."""
    assert ranger.read((1, 2), NOW) == ["+2.297", "+192"]


def test_sand_that_piles_up_comes_nearer(ranger, still):
    still.change(air_temperature_c=0.0, sand_height_m=0.25)
    assert ranger.read((1,), NOW) == ["+2.250"]


def test_no_target_is_nought(ranger, still):
    still.change(sand_height_m=None)
    assert ranger.read((1, 2), NOW) == ["+0.000", "+0"]
