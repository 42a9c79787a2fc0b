"""What a datastream's name stands for when a batch comes."""

from server.catalog.resolve import load_series
from wire.catalogue import bundled
from wire.derive.transforms import TRANSFORMS

RAW = "dune-1/soil-10cm/vwc_raw"
VWC = "dune-1/soil-10cm/vwc"
NOW = 1_767_225_600_000


def load(catalog, gateway="gw-a"):
    with catalog.engine.connect() as connection:
        return load_series(connection, gateway, bundled())


def test_a_series_knows_its_span_and_what_derives_from_it(catalog, inventory):
    catalog.apply(inventory())

    found = load(catalog)

    assert (found[RAW].span, found[RAW].is_derived) == ((1500.0, 5000.0), False)
    ((derived),) = found[RAW].derived
    assert derived.datastream_id == found[VWC].datastream_id
    assert derived.transform is TRANSFORMS["teros12-mineral/1"]
    assert (found[VWC].is_derived, found[VWC].span, found[VWC].derived) == (True, None, ())


def test_the_model_that_stands_there_now_says_the_span(catalog, inventory):
    catalog.apply(inventory())
    catalog.apply(inventory(sensor={"model": "some probe"}), NOW + 1000)

    assert load(catalog)[RAW].span is None


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
