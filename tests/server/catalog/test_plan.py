"""What an inventory may not say, item by item. Pure."""

import math

import msgspec
import pytest

from server.catalog.plan import installed_ms, plan_series
from wire.catalogue import bundled
from wire.errors import ContractError
from wire.messages import GatewayInfo, SensorInfo, ThingInfo

RAW = "dune-1/soil-10cm/vwc_raw"
RELATIVE = "dune-1/soil-10cm/relative_extractable_water"


def plan(inventory):
    return plan_series(inventory, "gw-a", bundled()).series


def remarks(inventory):
    return [
        (one.about, one.kind.value, one.reason)
        for one in plan_series(inventory, "gw-a", bundled()).remarks
    ]


def test_each_source_stands_before_what_is_derived_from_it(inventory):
    names = [(one.name, one.source) for one in plan(inventory())]

    assert names == [
        (RAW, None),
        ("dune-1/soil-10cm/soil_temperature", None),
        ("dune-1/soil-10cm/vwc", RAW),
        (RELATIVE, RAW),
    ]


def test_nothing_is_derived_without_its_source(inventory, series):
    only = inventory(datastreams=[series("dune-1/soil-10cm/soil_temperature", "Cel")])

    assert [one.name for one in plan(only)] == ["dune-1/soil-10cm/soil_temperature"]


def test_a_model_we_do_not_know_is_taken_as_it_is(inventory):
    assert len(plan(inventory(sensor={"model": "no catalogue has it"}))) == 2


def test_an_inventory_without_anything_is_one(inventory):
    assert plan(inventory(things=[], sensors=[], datastreams=[])) == []


@pytest.mark.parametrize(
    ("name", "unit", "key", "why"),
    [
        (RAW, "furlong", "unknown_vwc_raw", "unknown unit 'furlong'"),
        (RAW, "Cel", "unknown_vwc_raw", "cannot convert temperature 'Cel' to raw '{raw}'"),
        ("dune-1/soil-10cm/sap_flow", "g", "sap_flow", "unknown observed property 'sap_flow'"),
        (
            "dune-1/soil-10cm/sap_flow",
            "furlong",
            "sap_flow",
            "unknown observed property 'sap_flow'",
        ),
    ],
)
def test_what_nobody_knows_is_taken_as_it_comes_and_the_rest_with_it(
    inventory, series, name, unit, key, why
):
    found = inventory(
        datastreams=[series(name, unit), series("dune-1/soil-10cm/soil_temperature", "Cel")]
    )

    assert [(one.property, one.unit, one.unknown) for one in plan(found)] == [
        (key, unit, why),
        ("soil_temperature", "Cel", ""),
    ]
    assert remarks(found) == [(name, "unknown", why)]


def test_a_series_of_no_sensor_is_left_out_and_the_rest_is_taken(inventory, series):
    stray = series("dune-1/soil-99cm/vwc_raw", "{raw}")
    found = inventory(datastreams=[stray, series(RAW, "{raw}")])

    assert [one.name for one in plan(found)] == [RAW, "dune-1/soil-10cm/vwc", RELATIVE]
    assert remarks(found) == [
        (stray.name, "left_out", "it names no listed sensor: 'dune-1/soil-99cm'")
    ]


def test_a_series_must_bear_the_name_of_its_sensor_and_property(inventory, series):
    wrong = msgspec.structs.replace(series(RAW, "Cel"), property="soil_temperature")

    assert remarks(inventory(datastreams=[wrong])) == [
        (RAW, "left_out", "it must be called 'dune-1/soil-10cm/soil_temperature'")
    ]


@pytest.mark.parametrize("interval_s", [0.0, -1.0, 1e306, math.inf, math.nan])
def test_an_interval_must_be_a_time(inventory, series, interval_s):
    found = inventory(datastreams=[series(RAW, "{raw}", interval_s)])

    assert (plan(found), remarks(found)) == (
        [],
        [(RAW, "left_out", "interval_s must be above zero, and a year at most")],
    )


def test_what_a_gateway_measures_is_not_derived_from_something_else(inventory, series):
    vwc = "dune-1/soil-10cm/vwc"
    found = inventory(datastreams=[series(RAW, "{raw}"), series(vwc, "m3/m3")])

    assert [(one.name, one.source) for one in plan(found)] == [
        (RAW, None),
        (vwc, None),
        (RELATIVE, vwc),
    ]
    assert remarks(found) == [(vwc, "noted", f"announced as measured, so not derived from '{RAW}'")]


def test_a_sensor_that_its_gateway_does_not_read_is_told_of(inventory):
    found = inventory(sensor={"refused": "address '1' is that of soil-30cm"}, datastreams=[])

    assert remarks(found) == [("dune-1/soil-10cm", "not_read", "address '1' is that of soil-30cm")]


def test_of_a_series_listed_twice_the_first_counts(inventory, series):
    found = inventory(datastreams=[series(RAW, "{raw}", 60.0), series(RAW, "Cel")])

    assert [(one.name, one.unit) for one in plan(found)][:1] == [(RAW, "{raw}")]
    assert remarks(found) == [(RAW, "noted", "listed twice; the first counts")]


def test_no_sensor_or_thing_may_be_listed_twice(inventory):
    sensor = inventory().sensors[0]
    thing = ThingInfo(id="dune-1", name="Dune 1", site="kubuqi")

    for kind, twice in (
        ("sensor", {"sensors": [sensor, sensor]}),
        ("thing", {"things": [thing, thing]}),
    ):
        with pytest.raises(ContractError, match=f"{kind} '.*' is listed twice"):
            plan(inventory(**twice))


def test_a_sensor_stands_at_a_thing(inventory):
    with pytest.raises(ContractError, match="stands at a thing that is not listed"):
        plan(inventory(things=[]))


def test_a_gateway_speaks_for_itself_only(inventory):
    with pytest.raises(ContractError, match="inventory of 'gw-b' came under the name 'gw-a'"):
        plan(inventory(gateway=GatewayInfo(id="gw-b")))


@pytest.mark.parametrize("rev", [-1, 2**63])
def test_a_revision_must_fit(inventory, rev):
    with pytest.raises(ContractError, match="out of range"):
        plan(inventory(rev=rev))


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "2026-02-30"])
def test_a_date_that_is_none_is_told_of_and_not_used(inventory, day):
    found = inventory(sensor={"installed": day})

    assert installed_ms(found.sensors[0]) is None
    assert remarks(found) == [
        ("dune-1/soil-10cm", "noted", f"installed '{day}' is no date such as 2026-11-20")
    ]


def test_a_date_is_midnight_utc():
    sensor = SensorInfo(id="s", thing="t", model="m", installed="2026-01-01")

    assert installed_ms(sensor) == 1_767_225_600_000
    assert installed_ms(msgspec.structs.replace(sensor, installed="")) is None


SONIC = {"id": "sand", "model": "Campbell SR50A", "reference_m": 2.0}


@pytest.mark.parametrize(
    ("sensor", "named", "expected"),
    [
        (
            SONIC,
            ("sand_distance", "correction_temperature"),
            "sonic-height/1(correction_temperature; reference_m=2.0)",
        ),
        (SONIC, ("sand_distance",), None),  # nobody lends a temperature
        (SONIC | {"reference_m": None}, ("sand_distance", "correction_temperature"), None),
        (
            SONIC | {"model": "Campbell SR50AT"},
            ("sand_distance",),
            "height-below/1(; reference_m=2.0)",
        ),
    ],
)
def test_a_height_is_derived_once_all_it_takes_is_told(inventory, series, sensor, named, expected):
    units = {"sand_distance": "m", "correction_temperature": "Cel"}
    streams = [series(f"dune-1/sand/{key}", units[key]) for key in named]
    found = [one for one in plan(inventory(sensor=sensor, datastreams=streams)) if one.source]

    assert [one.transform for one in found] == ([expected] if expected else [])
    assert {one.source for one in found} <= {"dune-1/sand/sand_distance"}


@pytest.mark.parametrize("units", [("cm", "Cel"), ("m", "K")])
def test_nothing_is_derived_from_a_source_in_another_unit(inventory, series, units):
    """Transforms reckon in metres and degrees Celsius: 150 cm would be a height of -148 m."""
    keys = ("sand_distance", "correction_temperature")
    streams = [series(f"dune-1/sand/{key}", code) for key, code in zip(keys, units, strict=True)]

    assert not [one for one in plan(inventory(sensor=SONIC, datastreams=streams)) if one.source]
