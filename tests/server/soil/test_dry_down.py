"""How soils dry: published numbers, noise, and runs that tell nothing."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.soil.dry_down import Bounds, DryDown, fit, last_run, runs

DAY_MS = 86_400_000
VECTOR = DryDown(floor=0.04, start=0.18, tau_days=8.0, rmse=0.0, points=0)


def curve(days, floor=0.04, start=0.18, tau=8.0):
    days = np.asarray(days, dtype=np.float64)
    return (days * DAY_MS).astype(np.int64), floor + (start - floor) * np.exp(-days / tau)


@pytest.mark.parametrize(("days", "water"), [(0, 0.18), (4, 0.1249), (8, 0.0915), (16, 0.0589)])
def test_water_falls_as_published(days, water):
    """McColl et al. 2017, computed by hand."""
    assert VECTOR.at(days) == pytest.approx(water, abs=0.00005)


def test_the_days_to_a_threshold_are_told():
    assert VECTOR.days_until(0.08, now=0.18) == pytest.approx(10.02, abs=0.005)


def test_what_is_below_is_there_already_and_what_is_under_the_floor_never():
    assert VECTOR.days_until(0.08, now=0.08) == 0.0
    assert VECTOR.days_until(0.04, now=0.18) == inf


@given(
    floor=st.floats(0.01, 0.1),
    drop=st.floats(0.02, 0.3),
    tau=st.floats(0.5, 40.0),
    count=st.integers(4, 60),
)
def test_a_curve_is_found_again(floor, drop, tau, count):
    times, values = curve(np.linspace(0.0, 2.0 * tau, count), floor, floor + drop, tau)

    found = fit(times, values)

    assert found is not None
    assert found.tau_days == pytest.approx(tau, rel=1e-3)
    assert found.floor == pytest.approx(floor, abs=1e-3 * drop)
    assert found.start == pytest.approx(floor + drop, abs=1e-3 * drop)
    assert found.points == count


@given(low=st.floats(0.02, 0.1), span=st.floats(0.04, 0.3))
def test_relative_water_dries_at_the_same_rate(low, span):
    """It is linear in the water content: the days to a threshold are the same."""
    times, values = curve(range(12))

    relative = fit(times, (values - low) / span, Bounds(least_floor=-inf))

    assert relative is not None
    assert relative.days_until((0.08 - low) / span, (0.18 - low) / span) == pytest.approx(
        10.02, abs=0.01
    )


def test_noise_of_a_sensor_does_not_keep_it_from_being_found():
    times, values = curve(np.arange(0.0, 10.0, 1.0 / 24.0))
    noisy = values + np.random.default_rng(7).normal(0.0, 0.0005, len(values))

    found = fit(times, noisy)

    assert found is not None
    assert found.tau_days == pytest.approx(8.0, rel=0.05)
    assert found.rmse == pytest.approx(0.0005, rel=0.2)


def test_missing_values_are_passed_over():
    times, values = curve(range(12))
    values[[0, 3, 7]] = np.nan

    found = fit(times, values)

    assert found is not None
    assert found.points == 9
    assert found.tau_days == pytest.approx(8.0, rel=1e-3)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([0.18, 0.16, 0.15], id="three points"),
        pytest.param([0.1] * 8, id="nothing moves"),
        pytest.param([0.18, 0.17, 0.16, 0.15, 0.14], id="a line, which tells no end"),
        pytest.param([0.10, 0.12, 0.13, 0.135, 0.137], id="it rises"),
        pytest.param([0.18, 0.04, 0.04, 0.04, 0.04], id="gone at once"),
        pytest.param([np.nan] * 6, id="all missing"),
    ],
)
def test_a_run_that_does_not_tell_the_rate_is_refused(values):
    times = np.arange(len(values), dtype=np.int64) * DAY_MS

    assert fit(times, np.array(values), Bounds(least_floor=-inf)) is None


def test_what_a_soil_keeps_is_never_less_than_nothing():
    """A slow run is fitted with the floor held, not with one below zero."""
    times, values = curve(range(10), floor=-0.02, start=0.18, tau=12.0)

    found = fit(times, values)

    assert found is not None
    assert found.floor == 0.0
    assert found.rmse > 1e-5


def test_rain_begins_a_new_run():
    _, first = curve(range(5))
    _, second = curve(range(6), start=0.2)
    values = np.concatenate((first, second))

    assert runs(np.arange(11), values) == [slice(0, 5), slice(5, 11)]
    assert last_run(np.arange(11), values) == slice(5, 11)


def test_a_rise_within_the_noise_ends_no_run():
    values = np.array([0.18, 0.16, 0.1604, 0.15, np.nan, 0.1503, 0.14])

    assert runs(np.arange(7), values, tolerance=0.001) == [slice(0, 7)]
    assert runs(np.arange(7), values) == [slice(0, 2), slice(2, 5), slice(5, 7)]


def test_small_rises_do_not_creep():
    """Each is within the noise of the one before, all of them together are water."""
    values = np.array([0.10, 0.1008, 0.1016, 0.1024, 0.1032])

    assert runs(np.arange(5), values, tolerance=0.001)[0] == slice(0, 2)


def test_known_rain_begins_a_run_whatever_the_soil_shows():
    values = np.array([0.18, 0.16, 0.15, 0.14])
    wet = np.array([False, False, True, False])

    assert runs(np.arange(4), values, wet=wet) == [slice(0, 2), slice(2, 4)]


def test_nothing_has_no_run():
    empty = np.empty(0)

    assert last_run(empty.astype(np.int64), empty) == slice(0, 0)
