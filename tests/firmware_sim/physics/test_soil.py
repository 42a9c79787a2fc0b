"""Water in the sand profile."""

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.physics import soil

waters = st.lists(
    st.floats(soil.RESIDUAL, soil.SATURATION),
    min_size=len(soil.THICKNESS_M),
    max_size=len(soil.THICKNESS_M),
).map(tuple)
hours = st.builds(soil.HourOfWater, st.floats(0, 60), st.floats(0, 1))
ROUNDING = 1e-12


def _column_mm(water):
    return sum(theta * thick * 1000.0 for theta, thick in zip(water, soil.THICKNESS_M, strict=True))


@given(waters, hours)
def test_water_stays_between_residual_and_saturation(water, hour):
    for theta in soil.next_hour(water, hour):
        assert soil.RESIDUAL - ROUNDING <= theta <= soil.SATURATION + ROUNDING


@given(waters, st.floats(0, 1))
def test_without_rain_the_surface_only_dries(water, demand):
    assert soil.next_hour(water, soil.HourOfWater(0.0, demand))[0] <= water[0] + ROUNDING


@given(waters, hours)
def test_no_water_comes_from_nowhere(water, hour):
    after = _column_mm(soil.next_hour(water, hour))
    assert after <= _column_mm(water) + hour.rain_mm + 1e-9


@given(waters, st.floats(0, 1), st.floats(0.1, 60))
def test_rain_never_leaves_the_profile_drier_than_none(water, demand, rain_mm):
    dry = soil.next_hour(water, soil.HourOfWater(0.0, demand))
    wet = soil.next_hour(water, soil.HourOfWater(rain_mm, demand))
    assert all(b >= a - ROUNDING for a, b in zip(dry, wet, strict=True))


def test_rain_wets_shallow_before_deep():
    """A pulse of 12 mm on a dry profile passes 90 % of field capacity layer after layer."""
    water, reached = (0.03,) * 6, {}
    for hour in range(200):
        water = soil.next_hour(water, soil.HourOfWater(12.0 if hour == 0 else 0.0, 0.0))
        for layer, theta in enumerate(water):
            if theta > 0.06:
                reached.setdefault(layer, hour)
    arrivals = [reached[layer] for layer in sorted(reached)]
    assert sorted(reached) == list(range(len(reached)))
    assert arrivals == sorted(arrivals)
    assert len(set(arrivals[:3])) > 1
    assert 2 in reached
    assert 5 not in reached


def test_a_dry_down_slows_as_the_surface_seals():
    water, losses = (0.09,) * 6, []
    for _ in range(48):
        after = soil.next_hour(water, soil.HourOfWater(0.0, 0.3))
        losses.append(water[0] - after[0])
        water = after
    assert losses[0] > 5 * losses[-1] > 0


def test_water_between_two_layers_lies_between_theirs():
    water = (0.02, 0.04, 0.06, 0.08, 0.10, 0.12)
    assert soil.at_depth(water, 0.0) == 0.02
    assert 0.04 < soil.at_depth(water, 0.08) < 0.06
    assert soil.at_depth(water, 3.0) == 0.12


def test_conductivity_grows_with_water_and_warmth():
    assert soil.bulk_ec(0.05, 25.0) < soil.bulk_ec(0.10, 25.0) < soil.bulk_ec(0.10, 30.0)
