"""Numbers and instants as a language writes them."""

import pytest

from server.words.quantities import duration, instant, percent, with_unit


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 seconds"), (90, "90 seconds"), (7200, "2 hours"), (100_000, "27 hours"),
     (7199, "119 minutes"), (200_000, "2 days"), (86_400 * 40, "40 days")],
)  # fmt: skip
def test_a_duration_is_never_said_longer_than_it_was(seconds, said):
    assert duration("en", seconds) == said


@pytest.mark.parametrize(("share", "said"), [(0.999, "99%"), (1, "100%"), (0.004, "0%")])
def test_what_is_not_whole_is_not_a_hundred_per_cent(share, said):
    assert percent("en", share) == said


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "-3.2°C"), ("fr", "-3,2\u202f°C"), ("ru", "-3,2 °C"), ("zh", "-3.2°C")],
)
def test_degrees(language, said):
    assert with_unit(language, -3.2, "Cel").replace("\xa0", " ") == said.replace("\xa0", " ")


def test_metres_are_told_in_centimetres():
    assert with_unit("en", -0.031, "m") == "-3.1 cm"


def test_a_unit_nobody_names_stands_as_it_is():
    assert with_unit("en", 7, "mol/m2") == "7 mol/m2"


def test_summer_time_counts():
    """2026-03-29 01:30 UTC is half past three in Paris, half an hour after the clocks went on."""
    assert instant("fr", 1_774_747_800_000, "Europe/Paris") == "dim. 29/03 03:30"
