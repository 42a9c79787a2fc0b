"""The bands of water that a soil holds, by depth."""

import pytest

from server.soil.ground import ASSUMED, Layer, Profile, Said, ground_of
from server.web.soil.picture import Box, bands, draw, figures

PLAIN = ground_of(Said(wilting_point=0.05, field_capacity=0.15, saturation=0.40))
CLAY = ground_of(Said(wilting_point=0.25, field_capacity=0.40))


def spans(profile):
    return [(one.from_m, one.to_m, one.ground) for one in bands(profile)]


@pytest.mark.parametrize(
    ("profile", "found"),
    [
        (Profile(), [(0.0, 1.0, ASSUMED)]),
        (Profile(site=(Layer(PLAIN),)), [(0.0, 1.0, PLAIN)]),
        (
            Profile(thing=(Layer(CLAY, 0.3, 0.6),), site=(Layer(PLAIN),)),
            [(0.0, 0.3, PLAIN), (0.3, 0.6, CLAY), (0.6, 1.0, PLAIN)],
        ),
        (
            Profile(site=(Layer(CLAY, 0.0, 0.3), Layer(CLAY, 0.3, 1.2))),
            [(0.0, 1.2, CLAY), (1.2, 1.5, ASSUMED)],
        ),
    ],
)
def test_what_is_said_nearest_holds_at_each_depth(profile, found):
    assert spans(profile) == found


def test_the_bands_are_as_wide_as_the_water_they_stand_for():
    """2 units a percent, 120 a metre; what has no saturation shows nothing above field capacity."""
    drawn = draw(Profile(site=(Layer(PLAIN), Layer(CLAY, 0.5, None))))

    assert drawn.boxes == [
        Box("bound", 44.0, 8.0, 10.0, 60.0),
        Box("hard", 54.0, 8.0, 10.0, 60.0),
        Box("easy", 64.0, 8.0, 10.0, 60.0),
        Box("drained", 74.0, 8.0, 50.0, 60.0),
        Box("bound", 44.0, 68.0, 50.0, 60.0),
        Box("hard", 94.0, 68.0, 15.0, 60.0),
        Box("easy", 109.0, 68.0, 15.0, 60.0),
    ]
    assert [one.text for one in drawn.depths] == ["0 cm", "50 cm"]


def test_the_picture_is_told_in_words():
    drawn = draw(Profile(site=(Layer(PLAIN), Layer(CLAY, 0.5, None))))

    assert drawn.sentence.replace("\N{NO-BREAK SPACE}", " ") == (
        "Water that the soil holds, by depth: from 0 cm to 50 cm 5.0 % at the wilting point, "
        "15.0 % at field capacity; from 50 cm 25.0 % at the wilting point, 40.0 % at field capacity"
    )


def test_the_figures_of_a_soil():
    """100 mm a metre between 5 and 15 %, half of it without stress (FAO-56)."""
    found = figures(PLAIN)

    assert (found.available_mm, found.readily_mm) == ("100 mm", "50 mm")
    assert figures(CLAY).saturation == ""
