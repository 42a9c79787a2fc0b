"""Chance without memory."""

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.physics.chance import Dice, Noise, stream, uniform

times = st.floats(min_value=-1e10, max_value=1e10)


@given(st.integers(0, 2**64 - 1), st.integers(-(2**40), 2**40))
def test_uniform_lies_in_the_unit_interval(seed, index):
    assert 0.0 <= uniform(seed, index) < 1.0


def test_uniform_is_spread_evenly():
    draws = [uniform(stream(1, "even"), index) for index in range(10_000)]
    tenths = [sum(1 for one in draws if k / 10 <= one < (k + 1) / 10) for k in range(10)]
    assert all(850 < count < 1150 for count in tenths)


def test_named_streams_differ():
    assert stream(1, "rain") != stream(1, "wind") != stream(2, "wind")


@given(times)
def test_noise_lies_between_minus_one_and_one(time_s):
    assert -1.0 <= Noise(3, "n", 600.0).at(time_s) <= 1.0


@given(st.lists(times, max_size=20), times)
def test_noise_does_not_depend_on_what_was_asked_before(earlier, time_s):
    used = Noise(3, "n", 600.0)
    for one in earlier:
        used.at(one)
    assert used.at(time_s) == Noise(3, "n", 600.0).at(time_s)


def test_noise_is_smooth():
    noise = Noise(3, "n", 600.0)
    steps = [abs(noise.at(t + 1.0) - noise.at(t)) for t in range(6000)]
    assert max(steps) < 2.0 * 1.6 / 600.0


def test_dice_repeat_under_the_same_name_and_seed():
    first, second = Dice(5, "faults a"), Dice(5, "faults a")
    assert [first.roll() for _ in range(5)] == [second.roll() for _ in range(5)]


def test_dice_stay_below_their_limit():
    dice = Dice(5, "faults a")
    assert {dice.below(4) for _ in range(200)} == {0, 1, 2, 3}
