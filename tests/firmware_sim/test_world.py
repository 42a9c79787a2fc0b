"""The simulated site."""

import random
import time

import pytest

from firmware_sim.physics import soil
from firmware_sim.world import World

ORIGIN_S = 1_788_220_800.0  # 2026-09-01
DAY_S = 86_400.0
instants = [ORIGIN_S + k * 7919.0 for k in range(300)]


@pytest.fixture(scope="module")
def world():
    return World(7, ORIGIN_S)


def test_answers_do_not_depend_on_the_order_of_questions(world):
    shuffled = random.Random(1).sample(instants, len(instants))
    other = World(7, ORIGIN_S)
    asked = {t: (other.conditions(t, "dune-1"), other.soil(t, 0.1, "dune-1")) for t in shuffled}
    for t in instants:
        assert asked[t] == (world.conditions(t, "dune-1"), world.soil(t, 0.1, "dune-1"))


def test_another_seed_is_another_world(world):
    assert World(8, ORIGIN_S).conditions(instants[5]) != world.conditions(instants[5])


def test_soil_water_stays_between_its_bounds(world):
    for t in instants:
        for depth in (0.01, 0.05, 0.1, 0.3, 0.6, 1.0):
            water = world.soil(t, depth, "dune-2").water
            assert soil.RESIDUAL * 0.88 - 1e-9 <= water <= soil.SATURATION


def test_deep_soil_is_steadier_than_shallow(world):
    def spread(depth):
        warmth = [world.soil(ORIGIN_S + k * 3600.0, depth).temperature_c for k in range(48)]
        return max(warmth) - min(warmth)

    assert spread(0.05) > 3 * spread(0.3) > 0


def test_rain_reaches_shallow_soil_before_deep(world):
    """The first rain of the season shows at 5 cm at least an hour before it does at 20 cm."""

    def arrives(depth):
        waters = [world.soil(ORIGIN_S + k * 600.0, depth).water for k in range(20 * 144)]
        return next(k for k in range(1, len(waters)) if waters[k] > waters[k - 1] + 2e-5)

    assert arrives(0.05) + 6 <= arrives(0.2)


def test_the_surface_dries_steadily_without_rain(world):
    hours = [ORIGIN_S + k * 3600.0 for k in range(60 * 24)]
    rained = [world.conditions(t).rain_total_mm for t in hours]
    surface = [world.soil(t, 0.01).water for t in hours]
    dry = [k for k in range(1, len(hours)) if rained[k] == rained[k - 1]]
    assert len(dry) > 1000
    assert all(surface[k] <= surface[k - 1] + 1e-12 for k in dry)


def test_sand_moves_in_wind_and_only_then(world):
    seconds = [world.conditions(t) for t in instants]
    assert any(one.grains for one in seconds)
    assert all(one.grains == 0 for one in seconds if one.wind_speed_ms < 5.0)
    assert all((one.grains > 0) == (one.grain_energy_uj > 0) for one in seconds)


def test_no_two_spots_feel_quite_the_same(world):
    here, there = (world.conditions(instants[7], spot) for spot in ("dune-1", "dune-2"))
    assert here.wind_speed_ms != there.wind_speed_ms
    assert world.soil(instants[7], 0.1, "dune-1") != world.soil(instants[7], 0.1, "dune-2")


def test_sixty_days_of_soil_are_computed_quickly():
    """The grid grows at well under a millisecond an hour, or histories would take minutes."""
    began = time.process_time()
    World(7, ORIGIN_S).soil(ORIGIN_S + 60 * DAY_S, 0.1)
    assert time.process_time() - began < 60 * 24 * 0.001
