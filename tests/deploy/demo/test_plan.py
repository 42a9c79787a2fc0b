"""The three files of the demo speak of the same sensors, and the programs accept them."""

import tomllib

import pytest

from deploy.demo.check.evidence import read_sensors
from deploy.demo.plan import (
    Layout,
    Replay,
    ServerPlan,
    gateway_text,
    scenario_text,
    server_text,
)
from deploy.demo.sites import REPLAY_STATION, STATIONS
from firmware_sim import scenario
from gateway import config
from server import settings


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


@pytest.mark.parametrize("stations", [STATIONS, (REPLAY_STATION,)])
def test_gateways_and_simulator_know_the_same_sensors(layout, stations):
    layout.scenario.write_text(scenario_text(stations, layout, "2026-09-01"))
    for station in stations:
        layout.gateway(station).write_text(gateway_text(station, layout, 1883))
    played = {device.id for bus in scenario.load(layout.scenario).bus for device in bus.device}

    assert {one.name for one in read_sensors(map(layout.gateway, stations))} == played


def test_a_gateway_reads_the_port_that_the_simulator_offers(layout):
    text = scenario_text(STATIONS, layout, "2026-09-01")
    links = {layout.folder / bus["link"] for bus in tomllib.loads(text)["bus"]}
    ports = set()
    for station in STATIONS:
        layout.gateway(station).write_text(gateway_text(station, layout, 1883))
        ports |= {bus.port for bus in config.load(layout.gateway(station)).bus}

    assert ports == {str(link) for link in links}


def test_what_is_changed_goes_before_the_rest_of_its_section(layout):
    changes = {
        "clock": {"trust": "auto"},
        "gateway": {"data_dir": "/card"},
        "outbox": {"max_mb": 1},
    }
    text = gateway_text(STATIONS[0], layout, 1883, changes=changes)
    layout.gateway(STATIONS[0]).write_text(text)
    found = config.load(layout.gateway(STATIONS[0]))

    assert (found.clock.trust, found.gateway.data_dir, found.outbox.max_mb) == ("auto", "/card", 1)
    assert found.gateway.id == STATIONS[0].gateway


@pytest.mark.parametrize("embedded", [True, False])
def test_the_server_accepts_its_configuration(layout, embedded):
    layout.server.write_text(server_text(ServerPlan(8000, 1883, embedded), layout))
    found = settings.load(layout.server, settings.Overrides(), {})

    assert found.mqtt.embedded is embedded
    assert str(layout.folder) in found.database.url or not embedded


def test_the_scenario_names_the_file_to_replay(layout, tmp_path):
    replay = Replay(tmp_path / "uscrn.csv", "AZ Tucson 11 W")
    text = scenario_text((REPLAY_STATION,), layout, "2026-09-01", replay)

    assert tomllib.loads(text)["replay"] == {
        "file": str(tmp_path / "uscrn.csv"),
        "station": "AZ Tucson 11 W",
        "row_s": 10,
    }
