"""What the catalog holds after inventories, on SQLite and on TimescaleDB."""

import pytest

from wire.errors import ContractError
from wire.messages import GatewayInfo, Installation, SensorInfo, ThingInfo

NOW = 1_767_225_600_000
DAY = 86_400_000
RAW = "dune-1/soil-10cm/vwc_raw"
PLACES = ("sensor_id", "thing_id", "key", "since", "until")


def test_everything_an_inventory_names_is_there(catalog, inventory):
    catalog.apply(inventory(sensor={"installed": "2025-04-01"}))

    assert catalog.rows("gateway", "id", "inventory_rev", "inventory_at", "first_seen_at") == [
        ("gw-a", 1, NOW, NOW)
    ]
    assert catalog.rows("site", "id", "key", "name") == [(1, "kubuqi", "kubuqi")]
    assert catalog.rows("thing", "id", "gateway_id", "key", "site_id", "name") == [
        (1, "gw-a", "dune-1", 1, "Dune 1")
    ]
    assert catalog.rows("location", "lat", "lon", "elevation_m") == [(40.6, 108.9, None)]
    assert catalog.rows("thing_location") == [(1, 1)]
    assert catalog.rows("sensor", "gateway_id", "model", "serial") == [
        ("gw-a", "METER TEROS 12", "T12-1")
    ]
    assert catalog.rows("deployment") == [
        (1, 1, 1, "soil-10cm", "sdi12", "1", 0.1, None, 1_743_465_600_000, None)
    ]


def test_soil_water_is_announced_beside_the_counts_it_is_derived_from(catalog, inventory):
    catalog.apply(inventory())

    assert catalog.rows(
        "datastream", "id", "name", "sensor_key", "unit", "source_id", "transform", "interval_s"
    ) == [
        (1, RAW, "soil-10cm", "{raw}", None, None, 600.0),
        (2, "dune-1/soil-10cm/soil_temperature", "soil-10cm", "Cel", None, None, 600.0),
        (3, "dune-1/soil-10cm/vwc", "soil-10cm", "m3/m3", 1, "teros12-mineral/1", 600.0),
    ]
    assert ("vwc", "m3/m3", "volume_fraction_of_condensed_water_in_soil", "mean") in catalog.rows(
        "observed_property", "key", "unit", "cf_name", "aggregate"
    )


def test_how_a_gateway_was_left_is_kept_and_no_older_record_replaces_it(catalog, inventory):
    newer = Installation(at=NOW, by="Bayar", green=True, photos=["0" * 64])
    older = Installation(at=NOW - DAY, by="Wang", green=False)
    for rev, record in enumerate([newer, older, None], start=1):
        catalog.apply(inventory(rev=rev, installation=record))

    ((kept,),) = catalog.rows("gateway", "installation")
    assert kept == {"at": NOW, "by": "Bayar", "green": True, "photos": ["0" * 64]}


@pytest.mark.parametrize("at", [-1, 253_402_300_800_000, 10**15])
def test_a_record_of_no_instant_is_left_out_and_no_reading_with_it(catalog, inventory, at):
    catalog.apply(inventory(installation=Installation(at=at, by="Bayar", green=True)))

    assert catalog.rows("gateway", "installation", "inventory_rev") == [(None, 1)]


def test_a_record_of_a_clock_that_ran_ahead_hides_no_later_one(catalog, inventory):
    for rev, at in enumerate([NOW + 1000 * DAY, NOW], start=1):
        record = Installation(at=at, by="Bayar", green=True)
        catalog.apply(inventory(rev=rev, installation=record))

    ((kept,),) = catalog.rows("gateway", "installation")
    assert kept["at"] == NOW


def test_the_same_inventory_again_changes_nothing(catalog, inventory):
    catalog.apply(inventory())
    before = catalog.everything()

    catalog.apply(inventory(), NOW + DAY)

    assert catalog.everything() == before


def test_another_serial_number_is_another_deployment(catalog, inventory):
    catalog.apply(inventory())
    catalog.apply(inventory(rev=2, sensor={"serial": "T12-2"}), NOW + DAY)

    assert catalog.rows("sensor", "id", "serial") == [(1, "T12-1"), (2, "T12-2")]
    assert catalog.rows("deployment", *PLACES) == [
        (1, 1, "soil-10cm", NOW, NOW + DAY),
        (2, 1, "soil-10cm", NOW + DAY, None),
    ]
    assert len(catalog.rows("datastream")) == 3


def test_another_model_is_another_deployment(catalog, inventory):
    catalog.apply(inventory())
    catalog.apply(inventory(rev=2, sensor={"model": "METER TEROS 11"}), NOW + DAY)

    assert [row[4] for row in catalog.rows("deployment", *PLACES)] == [NOW + DAY, None]


def test_the_date_of_installation_says_when_the_new_one_began(catalog, inventory):
    catalog.apply(inventory(sensor={"installed": "2025-04-01"}))
    catalog.apply(inventory(sensor={"serial": "T12-2", "installed": "2025-12-30"}), NOW + DAY)
    replaced = NOW - 2 * DAY

    assert [row[3:] for row in catalog.rows("deployment", *PLACES)] == [
        (1_743_465_600_000, replaced),
        (replaced, None),
    ]


def test_a_date_that_was_not_changed_with_the_instrument_is_not_believed(catalog, inventory):
    catalog.apply(inventory(sensor={"installed": "2025-04-01"}))
    catalog.apply(inventory(sensor={"serial": "T12-2", "installed": "2025-04-01"}), NOW + DAY)

    assert catalog.rows("deployment", *PLACES)[1][3] == NOW + DAY


def test_a_serial_number_read_later_is_no_other_instrument(catalog, inventory):
    catalog.apply(inventory(sensor={"serial": ""}))
    catalog.apply(inventory(sensor={"serial": "T12-1", "firmware": "3.0"}), NOW + DAY)
    catalog.apply(inventory(sensor={"serial": ""}), NOW + 2 * DAY)

    assert catalog.rows("sensor", "serial", "firmware") == [("T12-1", "3.0")]
    assert len(catalog.rows("deployment")) == 1


def test_another_depth_is_another_deployment_of_the_same_instrument(catalog, inventory):
    catalog.apply(inventory())
    catalog.apply(inventory(sensor={"depth_m": 0.3}), NOW + DAY)

    assert len(catalog.rows("sensor")) == 1
    assert catalog.rows("deployment", "sensor_id", "depth_m", "until") == [
        (1, 0.1, NOW + DAY),
        (1, 0.3, None),
    ]


def test_another_address_is_corrected_in_place(catalog, inventory):
    catalog.apply(inventory())
    catalog.apply(inventory(sensor={"address": "7"}), NOW + DAY)

    assert catalog.rows("deployment", "address", "until") == [("7", None)]


def test_two_instruments_that_change_places_stay_who_they_are(catalog, inventory):
    def with_serials(upper, lower):
        old = inventory(sensor={"serial": upper})
        second = SensorInfo(
            id="soil-30cm", thing="dune-1", model="METER TEROS 12", serial=lower, depth_m=0.3
        )
        return inventory(sensors=[*old.sensors, second])

    catalog.apply(with_serials("T12-1", "T12-2"))
    catalog.apply(with_serials("T12-2", "T12-1"), NOW + DAY)

    assert catalog.rows("sensor", "id", "serial") == [(1, "T12-1"), (2, "T12-2")]
    assert [(row[0], row[2], row[4]) for row in catalog.rows("deployment", *PLACES)] == [
        (1, "soil-10cm", NOW + DAY),
        (2, "soil-30cm", NOW + DAY),
        (2, "soil-10cm", None),
        (1, "soil-30cm", None),
    ]


def test_a_sensor_no_longer_listed_has_left_and_its_series_stay(catalog, inventory):
    catalog.apply(inventory())
    catalog.apply(inventory(rev=2, sensors=[], datastreams=[]), NOW + DAY)

    assert catalog.rows("deployment", "until") == [(NOW + DAY,)]
    assert len(catalog.rows("datastream")) == 3
    assert catalog.rows("gateway", "inventory_rev", "inventory_at") == [(2, NOW + DAY)]


def test_a_thing_that_moves_leaves_a_trace(catalog, inventory):
    catalog.apply(inventory())
    catalog.apply(inventory(thing={"lat": 40.7}), NOW + DAY)
    catalog.apply(inventory(thing={"lat": None, "lon": None}), NOW + 2 * DAY)

    assert catalog.rows("location", "id", "lat") == [(1, 40.6), (2, 40.7)]
    assert catalog.rows("thing_location") == [(1, 2)]
    assert catalog.rows("historical_location", "thing_id", "location_id", "since") == [
        (1, 1, NOW),
        (1, 2, NOW + DAY),
    ]


def test_a_thing_without_a_name_is_called_by_its_key(catalog, inventory):
    catalog.apply(inventory(thing={"name": " "}), NOW)
    catalog.apply(inventory(thing={"name": ""}), NOW + DAY)

    assert catalog.rows("thing", "name") == [("dune-1",)]


def test_a_thing_may_be_renamed_and_go_to_another_site(catalog, inventory):
    catalog.apply(inventory())
    catalog.apply(inventory(thing={"name": "Dune 1, straw", "site": "ulan-buh"}), NOW + DAY)

    assert catalog.rows("thing", "name", "site_id") == [("Dune 1, straw", 2)]
    assert [row[1] for row in catalog.rows("site")] == ["kubuqi", "ulan-buh"]


def test_gateways_share_a_site_and_nothing_else(catalog, inventory):
    catalog.apply(inventory())
    catalog.apply(inventory(gateway=GatewayInfo(id="gw-b")), gateway="gw-b")

    assert len(catalog.rows("site")) == 1
    assert catalog.rows("thing", "gateway_id") == [("gw-a",), ("gw-b",)]
    assert catalog.rows("sensor", "gateway_id") == [("gw-a",), ("gw-b",)]
    assert len(catalog.rows("datastream")) == 6


def test_an_interval_may_change(catalog, inventory, series):
    catalog.apply(inventory())
    catalog.apply(inventory(datastreams=[series(RAW, "{raw}", 60.0)]), NOW + DAY)

    assert catalog.rows("datastream", "name", "interval_s") == [
        (RAW, 60.0),
        ("dune-1/soil-10cm/soil_temperature", 600.0),
        ("dune-1/soil-10cm/vwc", 60.0),
    ]


def test_a_unit_may_not_change_and_the_whole_inventory_is_refused(catalog, inventory, series):
    catalog.apply(inventory())
    before = catalog.everything()
    other = series("dune-1/soil-10cm/soil_temperature", "K")

    with pytest.raises(ContractError, match=r"is stored in 'Cel' and cannot change to 'K': give"):
        catalog.apply(
            inventory(datastreams=[other], things=[ThingInfo(id="dune-1", name="X", site="y")])
        )

    assert catalog.everything() == before


def test_a_measured_series_cannot_become_a_derived_one(catalog, inventory, series):
    name = "dune-1/soil-10cm/vwc"
    probe = {"model": "some probe"}
    catalog.apply(inventory(sensor=probe, datastreams=[series(name, "m3/m3")]))

    with pytest.raises(ContractError, match="is measured and cannot become derived by the server"):
        catalog.apply(inventory())


def test_a_derived_series_cannot_become_a_measured_one(catalog, inventory, series):
    catalog.apply(inventory())
    measured = series("dune-1/soil-10cm/vwc", "m3/m3")

    with pytest.raises(ContractError, match="is derived by the server and cannot become measured"):
        catalog.apply(inventory(sensor={"model": "some probe"}, datastreams=[measured]))


def test_what_the_catalogue_derives_no_longer_is_not_computed_any_more(catalog, inventory):
    """The series and what is stored in it stay; a model that derives it brings it back."""
    transforms = []
    for at, model in enumerate(["METER TEROS 12", "some probe", "METER TEROS 12"]):
        catalog.apply(inventory(sensor={"model": model}), NOW + at)
        rows = dict(catalog.rows("datastream", "name", "transform"))
        transforms.append(rows["dune-1/soil-10cm/vwc"])

    assert transforms == ["teros12-mineral/1", None, "teros12-mineral/1"]
