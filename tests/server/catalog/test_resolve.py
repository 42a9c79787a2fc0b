"""What a datastream's name stands for when a batch comes."""

import pytest

from server.catalog.resolve import load_series
from wire.catalogue import bundled
from wire.derive.transforms import TRANSFORMS, relative_water, teros12_mineral
from wire.messages import FieldInfo, NoValueInfo

RAW = "dune-1/soil-10cm/vwc_raw"
VWC = "dune-1/soil-10cm/vwc"
RELATIVE = "dune-1/soil-10cm/relative_extractable_water"
NOW = 1_767_225_600_000


def load(catalog, gateway="gw-a"):
    with catalog.engine.connect() as connection:
        return load_series(connection, gateway, bundled())


def test_a_series_knows_its_span_and_what_derives_from_it(catalog, inventory):
    catalog.apply(inventory())

    found = load(catalog)

    assert (found[RAW].span, found[RAW].is_derived) == ((1500.0, 5000.0), False)
    water, relative = found[RAW].derived
    assert water.datastream_id == found[VWC].datastream_id
    assert water.transform is TRANSFORMS["teros12-mineral/1"]
    assert relative.datastream_id == found[RELATIVE].datastream_id
    assert relative.transform.kind == (teros12_mineral, relative_water)
    assert (found[VWC].is_derived, found[VWC].span, found[VWC].derived) == (True, None, ())


def test_each_model_says_the_span_for_its_time(catalog, inventory):
    catalog.apply(inventory())
    catalog.apply(inventory(sensor={"model": "some probe"}), NOW + 1000)

    found = load(catalog)[RAW]

    assert (found.since_ms, found.span, found.derived) == (NOW + 1000, None, ())
    assert found.before.span == (1500.0, 5000.0)
    assert [one.transform.kind for one in found.before.derived] == [
        (teros12_mineral,),
        (teros12_mineral, relative_water),
    ]
    assert found.before.before is None


def test_instruments_that_are_alike_are_one(catalog, inventory):
    catalog.apply(inventory())
    catalog.apply(inventory(sensor={"serial": "T12-2"}), NOW + 1000)

    assert load(catalog)[RAW].before is None


def test_a_height_is_reckoned_from_the_reference_of_its_time(catalog, inventory, series):
    sonic = {"id": "sand", "model": "Campbell SR50AT", "reference_m": 2.0}
    told = {"datastreams": [series("dune-1/sand/sand_distance", "m")]}
    catalog.apply(inventory(sensor=sonic, **told))
    catalog.apply(inventory(sensor=sonic | {"reference_m": 1.5}, **told), NOW + 1000)

    now = load(catalog)["dune-1/sand/sand_distance"]

    assert now.since_ms == NOW + 1000
    heights = [one.derived[0].transform(1.2) for one in (now.before, now)]
    assert heights == [pytest.approx(0.8), pytest.approx(0.3)]


def test_of_a_model_only_its_gateway_knows_its_word_counts(catalog, inventory):
    compromised = NoValueInfo(value=-1.0, reason="no probe")
    fields = [FieldInfo(property="vwc_raw", span=(1.0, 9.0), no_values=[compromised])]
    own = {"model": "our own probe", "fields": fields}
    catalog.apply(inventory(sensor=own))

    found = load(catalog)[RAW]

    assert (found.span, found.no_values) == ((1.0, 9.0), ((-1.0, "no probe"),))


def test_a_model_we_know_is_checked_by_our_catalogue(catalog, inventory):
    fields = [FieldInfo(property="vwc_raw", span=(1.0, 9.0))]
    catalog.apply(inventory(sensor={"fields": fields}))

    assert load(catalog)[RAW].span == (1500.0, 5000.0)


def test_fields_that_a_technician_corrects_hold_for_what_came_before_too(catalog, inventory):
    for at, high in enumerate([9.0, 12.0]):
        fields = [FieldInfo(property="vwc_raw", span=(1.0, high))]
        catalog.apply(inventory(sensor={"model": "our own probe", "fields": fields}), NOW + at)

    found = load(catalog)[RAW]

    assert (found.span, found.before) == ((1.0, 12.0), None)


def test_a_series_that_is_left_out_says_why(catalog, inventory, series):
    catalog.apply(inventory())
    stray = series("dune-1/soil-99cm/vwc_raw", "{raw}")
    catalog.apply(inventory(datastreams=[series(RAW, "Cel"), stray]))

    found = load(catalog)

    assert found[RAW].left_out.startswith("it is stored in '{raw}' and cannot change to 'Cel'")
    assert found[stray.name].left_out == "it names no listed sensor: 'dune-1/soil-99cm'"
    assert found[VWC].left_out == ""


def test_a_sensor_that_left_is_still_checked_by_its_model(catalog, inventory):
    """Its backlog may arrive later."""
    catalog.apply(inventory())
    catalog.apply(inventory(sensors=[], datastreams=[]), NOW + 1000)

    assert load(catalog)[RAW].span == (1500.0, 5000.0)


def test_a_gateway_has_only_its_own(catalog, inventory):
    catalog.apply(inventory())

    assert load(catalog, "gw-b") == {}


def test_the_model_announced_last_counts_though_its_date_is_older(catalog, inventory):
    """It was set up long ago, as the inventory says, and is announced again only now."""
    catalog.apply(inventory(sensor={"model": "some probe"}))
    catalog.apply(inventory(sensors=[], datastreams=[]), NOW + 1000)
    catalog.apply(inventory(sensor={"installed": "2020-05-01"}), NOW + 2000)

    assert load(catalog)[RAW].span == (1500.0, 5000.0)


def test_a_series_knows_what_stands_for_no_value(catalog, inventory):
    catalog.apply(inventory())

    assert (-9999.0, "measurement compromised") in load(catalog)[RAW].no_values
