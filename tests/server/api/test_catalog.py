"""Sites, things, datastreams, gateways and newest values, as a client reads them."""

from sqlalchemy import insert, update

from server.db import tables as t
from server.db.engine import writing
from tests.server.api.factory import HOUR, NOW


def names(answer):
    return [item["name"] for item in answer["items"]]


def test_sites_are_listed_with_their_number_of_things(api):
    sites = api.get("/api/v1/sites")["items"]

    assert [(one["key"], one["name"], one["things"]) for one in sites] == [
        ("kubuqi-north", "Kubuqi North", 2),
        ("ulan-buh", "Ulan Buh", 1),
    ]


def test_a_thing_is_told_with_its_place(api):
    dune = api.get("/api/v1/things")["items"][0]

    assert dune == {
        "id": 1,
        "key": "dune-1",
        "name": "Dune 1, straw checkerboard",
        "description": "",
        "site": "kubuqi-north",
        "gateway": "kubuqi-dune",
        "location": {"lat": 40.6, "lon": 108.9, "elevation_m": 1030.0},
        "properties": {},
    }


def test_things_of_a_site(api):
    assert names(api.get("/api/v1/things", site="ulan-buh")) == ["Edge 1"]
    assert names(api.get("/api/v1/things", site="nowhere")) == []


def test_a_long_list_is_read_in_parts_by_following_next(api):
    seen, address = [], "/api/v1/things?limit=2"
    while address:
        part = api.get(address)
        assert len(part["items"]) <= 2
        seen += names(part)
        address = part["next"]

    assert seen == names(api.get("/api/v1/things"))


def test_a_datastream_is_told_with_its_sensor_and_depth(api):
    vwc = api.get(f"/api/v1/datastreams/{api.ids['dune-1/soil-30cm/vwc']}")

    assert vwc == {
        "id": api.ids["dune-1/soil-30cm/vwc"],
        "name": "dune-1/soil-30cm/vwc",
        "gateway": "kubuqi-dune",
        "site": "kubuqi-north",
        "thing": 1,
        "thing_key": "dune-1",
        "thing_name": "Dune 1, straw checkerboard",
        "sensor": "soil-30cm",
        "model": "METER TEROS 12",
        "depth_m": 0.3,
        "height_m": None,
        "property": "vwc",
        "label": "Soil water",
        "cf_name": "volume_fraction_of_condensed_water_in_soil",
        "unit": "m3/m3",
        "statistic": "last",
        "aggregate": "mean",
        "interval_s": 10.0,
        "source": api.ids["dune-1/soil-30cm/vwc_raw"],
        "transform": "teros12-mineral/1",
        "unknown": "",
        "complete_24h": None,
        "complete_30d": None,
    }


def test_datastreams_are_chosen_by_site_thing_and_property(api):
    plain = names(api.get("/api/v1/datastreams", thing=2))
    water = names(api.get("/api/v1/datastreams", site="kubuqi-north", property="vwc"))

    assert plain == [
        f"plain-1/soil-20cm/{one}" for one in ("vwc_raw", "soil_temperature", "soil_ec", "vwc")
    ]
    assert water == [
        "dune-1/soil-10cm/vwc",
        "dune-1/soil-30cm/vwc",
        "dune-1/soil-60cm/vwc",
        "plain-1/soil-20cm/vwc",
    ]


def test_datastreams_come_in_parts_that_keep_the_filter(api):
    part = api.get("/api/v1/datastreams", property="vwc", limit=3)
    rest = api.get(part["next"])

    assert len(part["items"]) == 3
    assert names(rest) == ["plain-1/soil-20cm/vwc", "edge-1/soil-15cm/vwc"]
    assert rest["next"] is None


def test_an_unknown_datastream_is_not_found(api):
    problem = api.problem("/api/v1/datastreams/4711")

    assert problem["status"] == 404
    assert problem["detail"] == "There is no datastream 4711."


def test_gateways_say_how_they_are(api):
    dune, _, quiet = api.get("/api/v1/gateways")["items"]

    assert (dune["id"], dune["state"], dune["sites"]) == ("kubuqi-dune", "online", ["kubuqi-north"])
    assert dune["status_at"] == "2026-11-20T07:00:00.000Z"
    assert (dune["status"]["software"], dune["status"]["clock"]) == ("0.1.0", "ntp")
    assert (quiet["state"], quiet["status_at"]) == ("unknown", None)


def test_how_a_gateway_was_left_is_told_with_the_clock_that_its_time_is_from(api):
    dune, _, quiet = api.get("/api/v1/gateways")["items"]
    left = dune["installation"]

    assert (left["at"], left["clock"]) == ("2026-11-20T06:00:00.000Z", "gnss")
    assert (left["by"], left["green"]) == ("Bayar", True)
    assert quiet["installation"] is None


def test_latest_tells_the_newest_value_with_unit_quality_and_arrival(api):
    rows = {row["name"]: row for row in api.get("/api/v1/latest")["items"]}
    air = rows["dune-1/mast/air_temperature"]

    assert (air["value"], air["unit"], air["height_m"]) == (-3.46, "Cel", 2.0)
    assert (air["flag"], air["quality"], air["tests"]) == ("pass", 1, [])
    assert air["time"] == "2026-11-20T06:59:56.000Z"
    assert air["received_at"] == "2026-11-20T06:59:56.500Z"


def test_latest_lists_what_never_reported_as_null(api):
    rows = api.get("/api/v1/latest", site="ulan-buh")["items"]

    assert len(rows) == 4
    assert all(row["time"] is None and row["value"] is None for row in rows)
    assert all(row["flag"] is None and row["quality"] is None for row in rows)


def test_latest_takes_few_statements_however_many_stations(api):
    api.get("/api/v1/latest")
    api.statements.clear()

    api.get("/api/v1/latest")

    assert len([one for one in api.statements if one.lstrip().startswith("SELECT")]) <= 3


def test_a_datastream_tells_how_complete_it_is(api):
    api.now = NOW + 5 * 60_000
    id_ = api.ids["dune-1/soil-30cm/vwc"]
    with writing(api.engine) as connection:
        for table, start, n in (
            (t.rollup_hour, NOW - 30 * HOUR, 1),
            (t.rollup_hour, NOW - 2 * HOUR, 180),
            (t.rollup_day, NOW - 31 * HOUR, 7),
        ):
            row = {"datastream_id": id_, "start": start, "n": n, "n_good": n}
            connection.execute(insert(table).values(row))

    expected = {
        "percent": 2.08,
        "values": 180,
        "expected": 8640,
        "from": "2026-11-19T07:00:00.000Z",
        "to": "2026-11-20T07:00:00.000Z",
    }
    assert api.get(f"/api/v1/datastreams/{id_}")["complete_24h"] == expected
    listed = {one["id"]: one for one in api.get("/api/v1/datastreams")["items"]}
    assert (listed[id_]["complete_24h"], listed[id_]["complete_30d"]) == (expected, None)


def test_a_gateway_tells_what_of_its_inventory_cannot_be_used(api):
    remark = {"about": "dune-1/tree/sap_flow", "kind": "unknown", "reason": "unknown property"}
    with writing(api.engine) as connection:
        rule = t.gateway.c.id == "kubuqi-dune"
        connection.execute(update(t.gateway).where(rule).values(remarks=[remark]))

    told = {one["id"]: one["remarks"] for one in api.get("/api/v1/gateways")["items"]}

    assert told["kubuqi-dune"] == [remark]
    assert told["kubuqi-plain"] == []
