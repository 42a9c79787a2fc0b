"""What a person may say of a soil, and what then holds where."""

from math import nan

import pytest

from server.soil.ground import ASSUMED, UNSAID, Layer, Origin, Said, Soils, ground_of
from server.soil.relative import in_ground, relative_formula
from wire.derive.formula import Formula, read
from wire.errors import ConfigError

LOAM = Said(sand=0.40, clay=0.20)


def three(ground):
    return (
        ground.limits.wilting_point,
        ground.limits.field_capacity,
        ground.limits.saturation,
    )


def test_a_texture_is_enough():
    """Organic matter is that of drylands until somebody knows better."""
    ground = ground_of(LOAM)

    assert three(ground) == pytest.approx((0.125, 0.258, 0.407), abs=0.0005)
    assert (ground.texture, ground.organic_percent) == ("loam", 0.5)
    assert (ground.origin, ground.is_assumed) == (Origin.TEXTURE, False)


def test_organic_matter_holds_water():
    ground = ground_of(Said(sand=0.40, clay=0.20, organic_percent=2.5))

    assert three(ground) == pytest.approx((0.137, 0.280, 0.459), abs=0.0005)


def test_what_was_measured_comes_before_what_is_estimated():
    ground = ground_of(Said(sand=0.40, clay=0.20, field_capacity=0.24))

    assert three(ground) == pytest.approx((0.125, 0.24, 0.407), abs=0.0005)
    assert ground.origin is Origin.TEXTURE


def test_both_limits_are_enough_without_a_texture():
    ground = ground_of(Said(wilting_point=0.03, field_capacity=0.1))

    assert three(ground) == (0.03, 0.1, None)
    assert (ground.texture, ground.origin) == ("", Origin.ENTERED)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said(), "give a texture, or both its field capacity and its wilting point"),
        (Said(field_capacity=0.1), "give a texture, or both"),
        (Said(wilting_point=0.1), "give a texture, or both"),
        (Said(sand=0.5), "give both; the rest is silt"),
        (Said(clay=0.5), "give both; the rest is silt"),
        (Said(sand=0.7, clay=0.4), "together at most 100 %"),
        (Said(sand=-0.1, clay=0.4), "together at most 100 %"),
        (Said(sand=0.1, clay=0.7), "up to 60% clay and 8 % organic matter: give field capacity"),
        (Said(sand=0.5, clay=0.1, organic_percent=9), "up to 60% clay and 8 % organic matter"),
        (Said(sand=0.5, clay=0.1, organic_percent=-1), "up to 60% clay and 8 % organic matter"),
        (Said(organic_percent=2.0), "tells nothing without a texture"),
        (Said(wilting_point=0.1, field_capacity=0.1), "must be above the wilting point"),
        (Said(wilting_point=0.1, field_capacity=0.105), "by 1.0 % at least"),
        (Said(wilting_point=-0.1, field_capacity=0.1), "from 0 to 1"),
        (Said(wilting_point=0.1, field_capacity=0.2, saturation=1.2), "from 0 to 1"),
        (Said(wilting_point=0.1, field_capacity=1.2), "is above saturation"),
        (Said(wilting_point=0.1, field_capacity=0.3, saturation=0.2), "is above saturation"),
        (Said(sand=0.88, clay=0.05, field_capacity=0.5), "is above saturation 41.7 %"),
        (Said(wilting_point=nan, field_capacity=0.2), "from 0 to 1"),
        (Said(wilting_point=0.1, field_capacity=nan), "must be above the wilting point"),
        (Said(wilting_point=0.1, field_capacity=0.2, saturation=nan), "from 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_say(said, reason):
    with pytest.raises(ConfigError, match=reason):
        ground_of(said)


def test_nobody_need_say_anything():
    """Desert sand, with little organic matter: its numbers are those of the table."""
    found = UNSAID.profile("kubuqi", "dune-1").at(0.1)

    assert found is ASSUMED
    assert found.is_assumed
    assert three(found) == pytest.approx((0.028, 0.074, 0.417), abs=0.0005)


SITE, DEEP_SITE, THING, MIDDLE = (
    ground_of(Said(wilting_point=0.01 * n, field_capacity=0.5)) for n in range(1, 5)
)
SOILS = Soils(
    by_site={"kubuqi": (Layer(SITE), Layer(DEEP_SITE, from_m=0.5))},
    by_thing={
        "dune-1": (Layer(THING), Layer(MIDDLE, from_m=0.2, to_m=0.4)),
        "dune-2": (Layer(MIDDLE, from_m=0.2, to_m=0.4),),
    },
)


@pytest.mark.parametrize(
    ("site", "thing", "depth_m", "ground"),
    [
        ("kubuqi", "dune-9", 0.1, SITE),
        ("kubuqi", "dune-9", 0.5, DEEP_SITE),
        ("kubuqi", "dune-9", 30.0, DEEP_SITE),
        ("kubuqi", "dune-9", None, SITE),
        ("elsewhere", "dune-9", 0.1, ASSUMED),
        ("kubuqi", "dune-1", 0.1, THING),
        ("kubuqi", "dune-1", 0.2, MIDDLE),
        ("kubuqi", "dune-1", 0.4, THING),
        ("kubuqi", "dune-1", 0.5, THING),
        ("kubuqi", "dune-1", None, THING),
        ("kubuqi", "dune-2", 0.3, MIDDLE),
        ("kubuqi", "dune-2", 0.1, SITE),
        ("kubuqi", "dune-2", 0.5, DEEP_SITE),
    ],
)
def test_the_nearest_word_counts(site, thing, depth_m, ground):
    """Of the thing before of the site; of the depth before of the whole."""
    assert SOILS.profile(site, thing).at(depth_m) is ground


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ((0.0, 0.3), (0.3, 0.6), False),
        ((0.0, 0.3), (0.2, 0.6), True),
        ((None, 0.3), (0.3, None), False),
        ((None, 0.3), (0.1, 0.2), True),
        ((0.3, None), (0.5, None), True),
        ((None, None), (0.5, None), False),
    ],
)
def test_layers_overlap_when_a_depth_is_in_both(one, other, overlap):
    first, second = Layer(SITE, *one), Layer(SITE, *other)

    assert first.overlaps(second) is overlap
    assert second.overlaps(first) is overlap


@pytest.mark.parametrize(
    ("calibration", "unit", "text"),
    [
        (None, "m3/m3", "relative-water/1(; field_capacity=0.5, wilting_point=0.01)"),
        (None, "1", "relative-water/1(; field_capacity=0.5, wilting_point=0.01)"),
        (None, "%", "percent/1 | relative-water/1(; field_capacity=0.5, wilting_point=0.01)"),
        (
            Formula("teros12-mineral/1"),
            "m3/m3",
            "teros12-mineral/1 | relative-water/1(; field_capacity=0.5, wilting_point=0.01)",
        ),
    ],
)
def test_a_formula_begins_with_what_is_measured(calibration, unit, text):
    found = relative_formula(calibration, unit, SITE)

    assert str(found) == text
    assert str(in_ground(found, MIDDLE)) == text.replace("=0.01", "=0.04")


def test_what_is_no_share_of_a_volume_is_not_water():
    assert relative_formula(None, "kPa", SITE) is None


def test_counts_and_percent_become_relative_water():
    """TEROS 12, 2038.84 counts: 0.0953 m3/m3 (METER manual, section 4.1)."""
    ground = ground_of(Said(wilting_point=0.05, field_capacity=0.12))
    of_counts = relative_formula(Formula("teros12-mineral/1"), "m3/m3", ground)
    of_percent = relative_formula(None, "%", ground)

    assert of_counts.bound()(2038.84) == pytest.approx((0.0953 - 0.05) / 0.07, abs=0.001)
    assert of_percent.bound()(8.5) == pytest.approx(0.5)
    assert read(str(of_counts)) == of_counts
