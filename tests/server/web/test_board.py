"""The page as data: states, order, what is folded away."""

import pytest

from server.api.schemas import Gateway, GatewayStatus, Latest, Site, failing_tests, flag_word
from server.web.board import State, build, gateway_state, place_of, state_of
from server.web.display import DASH

NOW = 1_795_158_000_000
SITE = Site(id=1, key="north", name="North", things=1)


def latest(**values):
    quality = values.pop("quality", 1)
    row = {
        "id": 1,
        "name": "dune-1/soil-10cm/vwc",
        "gateway": "g1",
        "site": "north",
        "thing": 1,
        "thing_key": "dune-1",
        "thing_name": "Dune 1",
        "sensor": "soil-10cm",
        "model": "METER TEROS 12",
        "depth_m": 0.1,
        "height_m": None,
        "property": "vwc",
        "label": "Soil water",
        "cf_name": None,
        "unit": "m3/m3",
        "statistic": "last",
        "aggregate": "mean",
        "interval_s": 10.0,
        "source": None,
        "transform": None,
        "time": NOW - 4000,
        "value": 0.1384,
        "quality": quality,
        "flag": None if quality is None else flag_word(quality),
        "tests": [] if quality is None else failing_tests(quality),
        "reason": "",
        "received_at": NOW,
    }
    return Latest.model_validate(row | values)


def gateway(**values):
    row = {
        "id": "g1",
        "state": "online",
        "status_at": NOW,
        "status": GatewayStatus(),
        "inventory_rev": 1,
        "inventory_at": NOW,
        "first_seen_at": NOW,
        "sites": ["north"],
    }
    return Gateway.model_validate(row | values)


def only_reading(**values):
    board = build(NOW, [SITE], [], [latest(**values)])
    return board.stations[0].readings[0]


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, State.FINE),
        ({"quality": 2}, State.UNCHECKED),
        ({"quality": 3 | 16}, State.SUSPECT),
        ({"quality": 4 | 16}, State.FAILED),
        ({"quality": 9, "value": None}, State.MISSING),
        ({"time": None, "quality": None, "value": None}, State.NEVER),
        ({"time": NOW - 90_000}, State.FINE),
        ({"time": NOW - 90_001}, State.STALE),
        ({"time": NOW - 90_001, "quality": 9, "value": None}, State.STALE),
        ({"time": NOW - 90_001, "interval_s": 600.0}, State.FINE),
        ({"value": 0.0}, State.FINE),
    ],
)
def test_a_value_is_judged_by_its_age_and_then_its_quality(values, state):
    assert state_of(latest(**values), NOW) is state


@pytest.mark.parametrize(
    ("values", "number", "words"),
    [
        ({}, "13.8", "fine"),
        ({"value": 0.0}, "0.0", "fine"),
        ({"quality": 9, "value": None, "reason": "timeout"}, DASH, "missing: timeout"),
        ({"quality": 3 | 16}, "13.8", "suspect: out of range"),
        ({"quality": 3 | 32 | 64}, "13.8", "suspect: clock not trusted, ahead of time"),
        ({"time": NOW - 91_000, "quality": 3 | 16}, "13.8", "stale"),
        ({"time": None, "quality": None, "value": None}, DASH, "no reading yet"),
    ],
)
def test_a_value_is_written_with_a_word_for_its_state(values, number, words):
    reading = only_reading(**values)

    assert (reading.number, reading.words) == (number, words)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"depth_m": 0.1}, "10 cm deep"),
        ({"depth_m": 1.5}, "1.5 m deep"),
        ({"depth_m": 0.0}, "At the surface"),
        ({"depth_m": None, "height_m": 2.0}, "2 m above ground"),
        ({"depth_m": None}, "soil-10cm"),
    ],
)
def test_a_place_is_said_as_depth_or_height(values, place):
    assert place_of(latest(**values)) == place


def test_soil_comes_first_from_the_surface_down_then_what_stands_above_from_the_top():
    rows = [
        latest(id=1, sensor="mast", depth_m=None, height_m=2.0),
        latest(id=2, sensor="deep", depth_m=0.6),
        latest(id=3, sensor="sand", depth_m=None, height_m=0.05),
        latest(id=4, sensor="shallow", depth_m=0.1),
        latest(id=5, sensor="box", depth_m=None),
    ]
    station = build(NOW, [SITE], [], rows).stations[0]

    assert [one.key for one in station.instruments] == ["shallow", "deep", "mast", "sand", "box"]


def test_the_values_of_an_instrument_keep_the_order_of_the_properties():
    rows = [
        latest(id=1, property="soil_ec"),
        latest(id=2, property="soil_temperature"),
        latest(id=3, property="vwc"),
    ]
    (instrument,) = build(NOW, [SITE], [], rows).stations[0].instruments

    assert [one.latest.id for one in instrument.readings] == [3, 2, 1]


def test_raw_series_are_set_apart():
    rows = [latest(id=1), latest(id=2, property="vwc_raw", unit="{raw}")]
    station = build(NOW, [SITE], [], rows).stations[0]

    assert [one.latest.id for one in station.readings] == [1]
    assert [one.latest.id for one in station.raw] == [2]


def test_a_station_is_silent_only_when_all_its_values_are_old():
    old = latest(id=1, time=NOW - 120_000)

    assert build(NOW, [SITE], [], [old]).stations[0].silent
    assert not build(NOW, [SITE], [], [old, latest(id=2)]).stations[0].silent


def test_stations_of_the_same_name_stay_two():
    rows = [latest(id=1, thing=1), latest(id=2, thing=2), latest(id=3, thing=1)]

    assert [one.id for one in build(NOW, [SITE], [], rows).stations] == [1, 2]


def test_a_site_shows_the_gateways_that_serve_it():
    gateways = [gateway(id="g1", sites=["north"]), gateway(id="g2", sites=["south"])]
    board = build(NOW, [SITE], gateways, [latest()])

    assert [one.id for one in board.sites[0].gateways] == ["g1"]


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, "online"),
        ({"status_at": NOW - 5 * 60_000}, "online"),
        ({"status_at": NOW - 5 * 60_000 - 1}, "silent"),
        ({"status_at": NOW - 30 * 60_000, "status": GatewayStatus(heartbeat_s=900)}, "online"),
        ({"status_at": NOW - 38 * 60_000, "status": GatewayStatus(heartbeat_s=900)}, "silent"),
        ({"state": "offline", "status_at": NOW - 9_000_000}, "offline"),
        ({"state": "offline", "status": GatewayStatus(rests_until=NOW + 9_000_000)}, "resting"),
        ({"state": "offline", "status": GatewayStatus(rests_until=NOW - 60_000)}, "resting"),
        ({"state": "offline", "status": GatewayStatus(rests_until=NOW - 9_000_000)}, "offline"),
        ({"state": "unknown", "status_at": None}, "unknown"),
    ],
)
def test_a_gateway_that_says_nothing_for_long_is_silent_whatever_it_said_last(values, state):
    assert gateway_state(gateway(**values), NOW) == state
