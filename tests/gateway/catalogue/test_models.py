"""Models of one's own, in a folder that gateway.toml names."""

import pytest

from gateway.buses.runner import port_settings
from gateway.catalogue.models import known_models, likely
from gateway.config import load
from gateway.inventory import compose
from wire.catalogue import bundled
from wire.errors import ConfigError

OWN = """
model = "Acme Cheap Probe"
vendor = "Acme"
protocol = "modbus"
reference = "r"
[modbus]
baud = 2400
[[field]]
property = "vwc"
register = 0
unit = "%"
resolution = 0.1
"""
GATEWAY = """
[gateway]
id = "kubuqi-dune"
site = "kubuqi"
[catalogue]
folder = "models"
[[thing]]
id = "dune-1"
name = "Dune 1"
[[bus]]
id = "rs485"
port = "/dev/ttyUSB0"
protocol = "modbus"
  [[bus.sensor]]
  id = "soil"
  thing = "dune-1"
  model = "Acme Cheap Probe"
  address = "1"
"""


@pytest.fixture
def folder(tmp_path):
    """The folder `models`, with one good file in it, and a file that is none."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "acme.toml").write_text(OWN, encoding="utf-8")
    (folder / "notes.txt").write_text("no model", encoding="utf-8")
    return folder


@pytest.fixture
def gateway(tmp_path, folder):
    """A gateway.toml that uses it."""
    path = tmp_path / "gateway.toml"
    path.write_text(GATEWAY, encoding="utf-8")
    return path


def test_the_folder_adds_to_the_bundled_models(folder):
    known = known_models(folder)

    assert set(known) == {*bundled(), "Acme Cheap Probe"}
    assert known_models(None) is bundled()


def test_a_gateway_uses_its_own_models_wherever_it_is_started(gateway, monkeypatch):
    monkeypatch.chdir("/")
    config = load(gateway)

    ((bus, sensor, model),) = config.sensors()

    assert (sensor.model, model.vendor) == ("Acme Cheap Probe", "Acme")
    assert port_settings(bus, config.models).baud == 2400


def test_what_runs_keeps_its_models_while_somebody_is_at_work_on_their_files(gateway, folder):
    """Else nothing would be sent from the next connection on: the inventory comes first."""
    config = load(gateway)
    before = compose(config, {}, 1)
    (folder / "acme.toml").write_text("half a fi", encoding="utf-8")
    assert compose(config, {}, 1) == before
    (folder / "acme.toml").unlink()
    assert compose(config, {}, 1) == before


def test_the_server_is_told_property_and_unit_of_a_model_it_cannot_know(gateway):
    inventory = compose(load(gateway), {}, 1)

    assert inventory.sensors[0].model == "Acme Cheap Probe"
    assert [(one.name, one.property, one.unit) for one in inventory.datastreams] == [
        ("dune-1/soil/vwc", "vwc", "%")
    ]


def test_a_newer_release_that_brings_a_model_of_this_name_does_not_stop_the_gateway(folder):
    (folder / "b.toml").write_text(OWN.replace("Acme Cheap Probe", "METER TEROS 12"), "utf-8")

    assert known_models(folder)["METER TEROS 12"].vendor == "Acme"


def test_a_changed_file_is_read_again(folder):
    known_models(folder)
    (folder / "acme.toml").write_text(OWN.replace("Cheap", "Dear"), encoding="utf-8")

    assert "Acme Dear Probe" in known_models(folder)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("b.toml", OWN, "b.toml: model 'Acme Cheap Probe' is in .*acme.toml already"),
        ("b.toml", OWN.replace('"vwc"', '"mood"'), "b.toml:9: unknown observed property 'mood'"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_line(folder, name, text, said):
    (folder / name).write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=said):
        known_models(folder)


def test_a_folder_that_is_not_there_is_refused_at_start(gateway):
    gateway.write_text(GATEWAY.replace('"models"', '"modles"'), encoding="utf-8")

    with pytest.raises(
        ConfigError, match=r"modles: the folder of models cannot be read: .*make it"
    ):
        load(gateway)


def test_an_unknown_model_is_refused_with_the_one_that_was_meant(gateway):
    gateway.write_text(GATEWAY.replace("Acme Cheap Probe", "Acme cheap prob"), encoding="utf-8")

    with pytest.raises(
        ConfigError, match=r"not in the catalogue \(did you mean 'Acme Cheap Probe'"
    ):
        load(gateway)


@pytest.mark.parametrize(
    ("name", "meant"), [("atmos 41", "METER ATMOS 41"), ("TEROS-12", "METER TEROS 12"), ("x", "")]
)
def test_a_name_that_is_nearly_right_is_found(name, meant):
    assert meant in likely(name, bundled())
    assert bool(likely(name, bundled())) is bool(meant)
