"""What the catalog holds after inventories, on SQLite and on TimescaleDB."""

import pytest
from sqlalchemy import insert

from server.db.tables import observation
from server.soil.planning import differences
from wire.messages import GatewayInfo, Installation, SensorInfo
from wire.properties import PROPERTIES, Aggregate, ObservedProperty

NOW = 1_767_225_600_000
DAY = 86_400_000
RAW = "dune-1/soil-10cm/vwc_raw"
RELATIVE = "dune-1/soil-10cm/relative_extractable_water"
ASSUMED_SAND = "teros12-mineral/1 | relative-water/1(; field_capacity=0.0742, wilting_point=0.028)"
VWC = "dune-1/soil-10cm/vwc"
TEMPERATURE = "dune-1/soil-10cm/soil_temperature"
SAP = "dune-1/soil-10cm/sap_flow"
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
        (1, 1, 1, "soil-10cm", "sdi12", "1", 0.1, None, 1_743_465_600_000, None, None, None)
    ]


def test_soil_water_is_announced_beside_the_counts_it_is_derived_from(catalog, inventory):
    catalog.apply(inventory())

    assert catalog.rows(
        "datastream", "id", "name", "sensor_key", "unit", "source_id", "transform", "interval_s"
    ) == [
        (1, RAW, "soil-10cm", "{raw}", None, None, 600.0),
        (2, "dune-1/soil-10cm/soil_temperature", "soil-10cm", "Cel", None, None, 600.0),
        (3, "dune-1/soil-10cm/vwc", "soil-10cm", "m3/m3", 1, "teros12-mineral/1", 600.0),
        (4, RELATIVE, "soil-10cm", "1", 1, ASSUMED_SAND, 600.0),
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
    assert len(catalog.rows("datastream")) == 4


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


def test_nor_is_one_that_was_not_changed_when_another_took_a_place_that_was_left(
    catalog, inventory
):
    """What the first one measured may still arrive: it is judged by the first one."""
    catalog.apply(inventory(sensor={"installed": "2025-04-01"}))
    catalog.apply(inventory(rev=2, sensors=[], datastreams=[]), NOW + DAY)
    catalog.apply(
        inventory(rev=3, sensor={"model": "METER TEROS 11", "installed": "2025-04-01"}),
        NOW + 2 * DAY,
    )

    assert [row[3:] for row in catalog.rows("deployment", *PLACES)] == [
        (1_743_465_600_000, NOW + DAY),
        (NOW + 2 * DAY, None),
    ]


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
    assert len(catalog.rows("datastream")) == 4
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
    assert len(catalog.rows("datastream")) == 8


def test_an_interval_may_change(catalog, inventory, series):
    catalog.apply(inventory())
    catalog.apply(inventory(datastreams=[series(RAW, "{raw}", 60.0)]), NOW + DAY)

    assert catalog.rows("datastream", "name", "interval_s") == [
        (RAW, 60.0),
        ("dune-1/soil-10cm/soil_temperature", 600.0),
        ("dune-1/soil-10cm/vwc", 60.0),
        (RELATIVE, 60.0),
    ]


def test_a_unit_may_not_change_and_the_rest_is_taken(catalog, inventory, series):
    catalog.apply(inventory())
    other = series(TEMPERATURE, "K")

    said = catalog.apply(inventory(datastreams=[other], thing={"name": "Dune X"}))

    why = "it is stored in 'Cel' and cannot change to 'K': give the sensor another id"
    assert said == [(TEMPERATURE, "left_out", why)]
    assert catalog.rows("gateway", "remarks") == [
        ([{"about": TEMPERATURE, "kind": "left_out", "reason": why}],)
    ]
    assert (TEMPERATURE, "Cel") in catalog.rows("datastream", "name", "unit")
    assert catalog.rows("thing", "name") == [("Dune X",)]


def test_what_was_said_of_an_inventory_goes_with_it(catalog, inventory, series):
    catalog.apply(inventory(datastreams=[series("dune-1/soil-10cm/sap_flow", "g")]))
    catalog.apply(inventory())

    assert catalog.rows("gateway", "remarks") == [(None,)]


def test_a_measured_series_stays_measured_when_it_could_be_derived(catalog, inventory, series):
    name = "dune-1/soil-10cm/vwc"
    probe = {"model": "some probe"}
    catalog.apply(inventory(sensor=probe, datastreams=[series(name, "m3/m3")]))

    said = catalog.apply(inventory())

    why = "it is measured and cannot become derived by the server: give the sensor another id"
    assert said == [(name, "noted", why)]
    assert (name, None) in catalog.rows("datastream", "name", "source_id")


def test_a_derived_series_cannot_become_a_measured_one(catalog, inventory, series):
    catalog.apply(inventory())
    measured = series("dune-1/soil-10cm/vwc", "m3/m3")

    said = catalog.apply(inventory(sensor={"model": "some probe"}, datastreams=[measured]))

    why = "it is derived by the server and cannot become measured: give the sensor another id"
    assert said == [("dune-1/soil-10cm/vwc", "left_out", why)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("some probe", "vwc", "m3/m3"), ("METER TEROS 12", "vwc_raw", "{raw}")),
        (("METER TEROS 12", "vwc_raw", "{raw}"), ("some probe", "vwc", "m3/m3")),
        (("some probe", "vwc", "m3/m3"), ("some probe", "vwc", "%")),
    ],
)
def test_relative_water_stays_with_the_water_that_is_stored(
    catalog, inventory, series, before, after
):
    """Else each inventory, and each look at soils, would have all of it computed anew."""
    for rev, (model, key, unit) in enumerate((before, after)):
        catalog.apply(
            inventory(
                rev=rev,
                sensor={"model": model},
                datastreams=[series(f"dune-1/soil-10cm/{key}", unit)],
            ),
            NOW + rev * DAY,
        )

    with catalog.engine.connect() as connection:
        assert differences(connection) == []


def test_a_property_nobody_knows_is_kept_as_it_is_called_without_a_standard_name(
    catalog, inventory, series
):
    catalog.apply(inventory(datastreams=[series(SAP, "g/h"), series(RAW, "Cel")]))

    assert catalog.rows("datastream", "name", "unit", "unknown") == [
        (SAP, "g/h", "unknown observed property 'sap_flow'"),
        (RAW, "Cel", "cannot convert temperature 'Cel' to raw '{raw}'"),
    ]
    assert catalog.rows("observed_property", "key", "label", "unit", "cf_name", "aggregate") == [
        ("sap_flow", "Sap flow", "g/h", None, "mean"),
        ("unknown_vwc_raw", "Unknown vwc raw", "Cel", None, "mean"),
    ]


def test_a_newer_server_knows_the_property_and_computes_its_rollups_anew(
    catalog, inventory, series, monkeypatch
):
    """As the same retained inventory tells it, or a replay."""
    told = inventory(datastreams=[series(SAP, "deg")])
    catalog.apply(told)
    with catalog.engine.begin() as connection:
        connection.execute(
            insert(observation).values(datastream_id=1, time=NOW, value=350.0, quality=1)
        )
    known = ObservedProperty("sap_flow", "Sap flow", "deg", "sap_name", Aggregate.VECTOR_MEAN)
    monkeypatch.setitem(PROPERTIES, "sap_flow", known)

    assert catalog.apply(told, NOW + DAY) == []

    assert catalog.rows("datastream", "name", "unknown") == [(SAP, "")]
    assert catalog.rows("observed_property", "key", "label", "cf_name", "aggregate") == [
        ("sap_flow", "Sap flow", "sap_name", "vector_mean")
    ]
    assert {level for (level,) in catalog.rows("rollup_mark", "level")} == {"hour", "day"}


def test_another_reference_is_another_deployment_of_the_same_instrument(catalog, inventory):
    catalog.apply(inventory(sensor={"reference_m": 2.0}))
    catalog.apply(inventory(sensor={"reference_m": 2.1, "since": NOW + 5000}), NOW + DAY)

    assert len(catalog.rows("sensor")) == 1
    assert catalog.rows("deployment", "reference_m", "since", "until") == [
        (2.0, NOW, NOW + 5000),
        (2.1, NOW + 5000, None),
    ]


def test_a_reference_told_later_is_no_other_deployment(catalog, inventory):
    for at, reference_m in enumerate([None, 2.0, None]):
        catalog.apply(inventory(sensor={"reference_m": reference_m}), NOW + at)

    assert catalog.rows("deployment", "reference_m", "until") == [(2.0, None)]


@pytest.mark.parametrize("since", [NOW - DAY, -1, NOW + 9 * DAY])
def test_a_beginning_that_cannot_be_is_not_believed(catalog, inventory, since):
    """Before the instrument it takes the place of, in no year, or days ahead of us."""
    catalog.apply(inventory())
    catalog.apply(inventory(sensor={"serial": "T12-2", "since": since}), NOW + DAY)

    assert catalog.rows("deployment", "since", "until")[1] == (NOW + DAY, None)


@pytest.mark.parametrize(
    ("since", "began"),
    [(NOW + 5000, NOW + 5000), (NOW, NOW + DAY), (NOW - 1, NOW + DAY), (-1, NOW + DAY)],
)
def test_a_beginning_that_a_clock_told_later_is_put_right(catalog, inventory, since, began):
    """A gateway without a clock tells of another instrument at once, and when that was later."""
    catalog.apply(inventory())
    catalog.apply(inventory(sensor={"serial": "T12-2"}), NOW + DAY)
    for at in (1, 2):
        told = inventory(rev=1 + at, sensor={"serial": "T12-2", "since": since})
        catalog.apply(told, NOW + DAY + at)

    assert catalog.rows("deployment", "since", "until") == [(NOW, began), (began, None)]


def test_what_had_left_before_is_not_touched_by_a_beginning_told_later(catalog, inventory):
    catalog.apply(inventory())
    catalog.apply(inventory(sensors=[], datastreams=[]), NOW + 1000)
    catalog.apply(inventory(sensor={"serial": "T12-2"}), NOW + DAY)
    catalog.apply(inventory(sensor={"serial": "T12-2", "since": NOW + 5000}), NOW + DAY)

    assert catalog.rows("deployment", "since", "until") == [
        (NOW, NOW + 1000),
        (NOW + 5000, None),
    ]


def test_a_sensor_its_gateway_does_not_read_keeps_its_place(catalog, inventory):
    catalog.apply(inventory())
    refused = {"refused": "address '1' is that of soil-30cm", "model": "a typing error"}
    said = catalog.apply(inventory(rev=2, sensor=refused, datastreams=[]), NOW + DAY)

    assert said == [("dune-1/soil-10cm", "not_read", "address '1' is that of soil-30cm")]
    assert catalog.rows("deployment", *PLACES) == [(1, 1, "soil-10cm", NOW, None)]
    assert catalog.rows("sensor", "model") == [("METER TEROS 12",)]
    assert (VWC, "teros12-mineral/1") in catalog.rows("datastream", "name", "transform")


def test_what_the_catalogue_derives_no_longer_is_not_computed_any_more(catalog, inventory):
    """The series and what is stored in it stay; a model that derives it brings it back."""
    transforms = []
    for at, model in enumerate(["METER TEROS 12", "some probe", "METER TEROS 12"]):
        catalog.apply(inventory(sensor={"model": model}), NOW + at)
        rows = dict(catalog.rows("datastream", "name", "transform"))
        transforms.append(rows["dune-1/soil-10cm/vwc"])

    assert transforms == ["teros12-mineral/1", None, "teros12-mineral/1"]
