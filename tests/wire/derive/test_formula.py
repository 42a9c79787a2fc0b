"""What a derived series is computed by, as text, and what it computes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.derive.formula import Formula, read
from wire.derive.transforms import TRANSFORMS


@pytest.mark.parametrize(
    ("air_c", "factor"), [(-10.0, 0.98152), (0.0, 1.0), (25.0, 1.04476), (40.0, 1.07072)]
)
def test_a_distance_is_corrected_by_the_airs_temperature(air_c, factor):
    """Campbell SR50A manual: forgotten at 25 degrees, it is 4.5 % off."""
    formula = read("sonic-height/1(correction_temperature; reference_m=2.0)")

    assert formula.also == ("correction_temperature",)
    assert formula.bound()(1.9, air_c) == pytest.approx(2.0 - 1.9 * factor, abs=1e-5)


def test_sand_that_has_come_raises_the_surface():
    assert read("height-below/1(; reference_m=2.013)").bound()(1.513) == pytest.approx(0.5)


def test_a_name_alone_is_a_formula_and_the_transform_itself():
    assert read("teros12-mineral/1").bound() is TRANSFORMS["teros12-mineral/1"]
    assert str(Formula("teros12-mineral/1")) == "teros12-mineral/1"


@pytest.mark.parametrize(
    "text",
    [
        "teros12-mineral/2",
        "sonic-height/1",
        "sonic-height/1(; reference_m=2)",
        "sonic-height/1(a, b; reference_m=2)",
        "height-below/1(; depth_m=2)",
        "height-below/1(; reference_m=two)",
        "",
        "x(((",
    ],
)
def test_what_cannot_be_computed_is_not(text):
    formula = read(text)

    assert formula is None or formula.bound() is None


@given(
    also=st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), max_size=3),
    parameters=st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True),
        st.floats(allow_nan=False, allow_infinity=False),
        max_size=3,
    ),
)
def test_what_was_written_is_read(also, parameters):
    formula = Formula("sonic-height/1", tuple(also), parameters)

    assert read(str(formula)) == formula


def test_what_stands_after_computes_on_from_the_result():
    """TEROS 12, 2493.4 counts: 0.2716 m3/m3; half of 0.2 to 0.3432."""
    text = "teros12-mineral/1 | relative-water/1(; field_capacity=0.3432, wilting_point=0.2)"
    formula = read(text)

    assert str(formula) == text
    assert formula.bound()(2493.4) == pytest.approx(0.5, abs=0.0005)


def test_three_follow_on_each_other():
    relative = Formula("relative-water/1", (), {"field_capacity": 0.3, "wilting_point": 0.1})
    formula = Formula("percent/1").followed_by(Formula("percent/1")).followed_by(relative)

    assert read(str(formula)) == formula
    assert formula.bound()(2000.0) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "text",
    [
        "teros12-mineral/1 | teros12-mineral/2",
        "teros12-mineral/1 | relative-water/1",
        "teros12-mineral/1 | sonic-height/1(air; reference_m=2)",
        "teros12-mineral/1 | ",
        " | teros12-mineral/1",
    ],
)
def test_what_cannot_follow_is_not_computed(text):
    formula = read(text)

    assert formula is None or formula.bound() is None


def test_all_of_a_kind_are_computed_at_once_whatever_their_parameters():
    """As arrays by row: what each formula gives alone."""
    first = read("percent/1 | relative-water/1(; field_capacity=0.12, wilting_point=0.05)").bound()
    other = read("percent/1 | relative-water/1(; field_capacity=0.3, wilting_point=0.1)").bound()
    given = [np.array(pair) for pair in zip(first.all_given, other.all_given, strict=True)]

    both = first.computed(np.array([8.5, 8.5]), given=given)

    assert first.kind == other.kind != read("percent/1").bound().kind
    assert both.tolist() == [first(8.5), other(8.5)]
