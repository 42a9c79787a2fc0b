"""Which series of a gateway a rule is about. Pure."""

import pytest

from server.alerts.rules import Scope
from server.watch.rules.subjects import Measured, Place, Subjects

DUNE = Place("kubuqi-dune", 1, "dune-1")


def measured(datastream_id, key, *, is_derived=False):
    name = f"dune-1/mast/{key}"
    return Measured(
        datastream_id, name, DUNE, "mast", key, "", 60.0, None, None, is_derived=is_derived
    )


MAST = Subjects(
    Place("kubuqi-dune"),
    [DUNE],
    [
        measured(1, "wind_speed"),
        measured(2, "wind_direction"),
        measured(3, "dew_point", is_derived=True),
    ],
)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [((), [1]), (("wind_direction",), [2]), (("wind_speed_10min", "wind_speed"), [1])],
)
def test_a_rule_of_no_property_is_about_what_is_measured_but_no_wind_is_from_nowhere(
    properties, expected
):
    """A night of calm has no direction, and is no fault of the sensor; speed tells of that."""
    found = MAST.chosen(Scope(), properties)

    assert [one.datastream_id for one in found] == expected
