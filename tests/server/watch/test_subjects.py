"""Which series of a gateway a rule is about. Pure."""

from decimal import Decimal

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


def soil(depths_m):
    probes = [
        Measured(at, f"dune-1/soil-{at}/vwc", DUNE, f"soil-{at}", "vwc", "m3/m3", 600.0, depth_m,
                 None, is_derived=False)
        for at, depth_m in enumerate(depths_m)
    ]  # fmt: skip
    return Subjects(Place("kubuqi-dune"), [DUNE], probes)


@pytest.mark.parametrize(
    ("depths_m", "scope", "expected"),
    [
        ((0.05, 0.1, 0.3), Scope(), [1, 2]),
        ((0.05, 0.02), Scope(), [0, 1]),
        ((0.05, None), Scope(), [1]),
        ((0.05, 0.3), Scope(depth_m=(Decimal(0), Decimal(1))), [0, 1]),
        ((0.05, 0.3), Scope(sensor="soil-0"), [0]),
    ],
)
def test_what_lies_above_the_roots_is_left_out_where_something_deeper_is(depths_m, scope, expected):
    found = soil(depths_m).chosen(scope, ("vwc",), 0.1)

    assert [one.datastream_id for one in found] == expected
