"""What people write on the form of soils, and what is refused with the remedy."""

import pytest

from server.soil.ground import Said
from server.web.soil.fields import Fields, Wish, filled, read_wish
from wire.errors import ConfigError


def wish(texture="", **texts):
    return read_wish(Fields("kubuqi", texture, texts))


@pytest.mark.parametrize(
    ("texture", "texts", "read"),
    [
        ("sandy loam", {}, Wish(None, None, Said(0.65, 0.10))),
        ("", {"sand": "62 %", "clay": "8,5"}, Wish(None, None, Said(0.62, 0.085))),
        (
            "",
            {"wilting_point": "5", "field_capacity": "12", "from_cm": "30"},
            Wish(0.3, None, Said(wilting_point=0.05, field_capacity=0.12)),
        ),
        (
            "loam",
            {"organic_percent": "2.5", "saturation": "40", "to_cm": "7"},
            Wish(0.0, 0.07, Said(0.40, 0.20, 2.5, saturation=0.4)),
        ),
    ],
)
def test_what_is_written_is_read(texture, texts, read):
    assert wish(texture, **texts) == read


@pytest.mark.parametrize(
    ("texture", "texts", "told"),
    [
        ("", {"sand": "much"}, "Sand: 'much' is no number; write such as 12.5"),
        ("", {"sand": "nan"}, "Sand: 'nan' is no number"),
        ("", {"clay": "120"}, "Clay: 120 is no percentage: write 0 to 100"),
        ("loam", {"sand": "40"}, "Texture: choose a class, or write sand and clay, not both"),
        ("mud", {}, "Texture: choose one of the list"),
        ("", {"field_capacity": "0.12"}, "Field capacity: 0.12 % cannot be: write 12 for 12 %"),
        ("", {"from_cm": "30", "to_cm": "10"}, "30 cm is not above 10 cm: turn them round"),
        ("", {"from_cm": "-1"}, "From depth: write cm below the surface"),
        ("", {"to_cm": "0"}, "Depth: 0 cm is not above 0 cm"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(texture, texts, told):
    with pytest.raises(ConfigError) as caught:
        wish(texture, **texts)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("from_m", "to_m", "said"),
    [
        (None, None, Said(0.65, 0.10, 2.5)),
        (0.07, 0.29, Said(0.62, 0.085, saturation=0.4)),
        (0.3, None, Said(wilting_point=0.057, field_capacity=0.123)),
    ],
)
def test_what_was_said_stands_in_the_form_and_is_read_again(from_m, to_m, said):
    found = read_wish(filled("kubuqi", from_m, to_m, said))

    assert (found.from_m, found.to_m) == (from_m, to_m)
    for name in Said.__slots__:
        assert getattr(found.said, name) == pytest.approx(getattr(said, name))
