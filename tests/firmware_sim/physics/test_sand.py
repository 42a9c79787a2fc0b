"""Sand in motion, against published formulas recomputed by hand."""

import pytest

from firmware_sim.physics import sand


@pytest.mark.parametrize(
    ("speed", "height", "roughness", "ustar"),
    [(10, 10, 1e-3, 0.4343), (8, 2, 1e-4, 0.3231), (12, 10, 1e-2, 0.6949), (6, 2, 3e-5, 0.2161)],
)
def test_friction_velocity(speed, height, roughness, ustar):
    assert sand.friction_velocity(speed, height, roughness) == pytest.approx(ustar, abs=5e-5)


@pytest.mark.parametrize(
    ("micrometres", "threshold"),
    [(75, 0.2444), (100, 0.2371), (150, 0.2434), (200, 0.2594), (250, 0.2780), (500, 0.3695)],
)
def test_dry_threshold_of_shao_and_lu(micrometres, threshold):
    assert sand.dry_threshold(micrometres * 1e-6) == pytest.approx(threshold, abs=5e-5)


@pytest.mark.parametrize(("micrometres", "threshold"), [(100, 0.2066), (250, 0.2681)])
def test_dry_threshold_with_weak_cohesion(micrometres, threshold):
    assert sand.dry_threshold(micrometres * 1e-6, 1.65e-4) == pytest.approx(threshold, abs=5e-5)


@pytest.mark.parametrize(
    ("clay", "water", "ratio"),
    [
        (2, 1, 1.381),
        (2, 2, 1.644),
        (2, 3, 1.830),
        (5, 1, 1.130),
        (5, 2, 1.518),
        (10, 2, 1.161),
        (10, 5, 1.909),
        (20, 3, 1.0),
        (20, 5, 1.498),
    ],
)
def test_moisture_ratio_of_fecan(clay, water, ratio):
    assert sand.moisture_ratio(water, clay) == pytest.approx(ratio, abs=5e-4)


def test_gravimetric_water():
    assert sand.gravimetric_pct(0.05) == pytest.approx(3.33, abs=0.01)


@pytest.mark.parametrize(
    ("ustar", "flux"), [(0.25, 0), (0.3, 0.00525), (0.4, 0.022), (0.5, 0.04882), (0.6, 0.08778)]
)
def test_flux_of_kawamura(ustar, flux):
    assert sand.flux(ustar, 0.25) == pytest.approx(flux, abs=5e-6)
