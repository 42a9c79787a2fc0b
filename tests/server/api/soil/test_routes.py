"""What is known of soils, as programs read it."""

import pytest

from server.soil.ground import Said
from tests.server.api.running import served
from tests.server.soil.station import CAMPBELL, Probe, Server

SAND = {"texture": "sand", "organic_percent": 0.5, "wilting_point": 0.028}


@pytest.fixture
def site(sqlite_engine):
    server = Server(sqlite_engine)
    server.announce(Probe(model=CAMPBELL))
    with served(sqlite_engine, {}) as running:
        yield server, running


def test_what_is_assumed_says_so(site):
    _, api = site

    (found,) = api.get("/api/v1/soils")["items"]

    assert found == SAND | {
        "site": "kubuqi",
        "gateway": None,
        "thing": None,
        "from_m": None,
        "to_m": None,
        "field_capacity": 0.0742,
        "saturation": 0.4173,
        "origin": "assumed",
        "said_at": None,
    }


def test_what_was_said_is_listed_by_depth_with_when(site):
    server, api = site
    server.say(Said(wilting_point=0.05, field_capacity=0.12), thing="dune-1", to_m=0.3, from_m=0.0)

    assumed, layer = api.get("/api/v1/soils", site="kubuqi")["items"]

    assert assumed["origin"] == "assumed"
    assert layer["said_at"].startswith("2026-01-01T00:00:00")
    assert (layer["gateway"], layer["thing"]) == ("kubuqi-dune", "dune-1")
    assert (layer["from_m"], layer["to_m"]) == (0.0, 0.3)
    assert (layer["wilting_point"], layer["field_capacity"]) == (0.05, 0.12)
    assert (layer["texture"], layer["saturation"], layer["origin"]) == (None, None, "entered")


def test_of_another_site_nothing_is_known(site):
    assert site[1].get("/api/v1/soils", site="elsewhere")["items"] == []
