"""What the server is told is attached."""

from dataclasses import dataclass

import pytest

from gateway.config import load
from gateway.inventory import InventoryBook
from wire.messages import DatastreamInfo, SensorInfo, ThingInfo


@dataclass
class Said:
    serial: str = ""
    firmware: str = ""


@pytest.fixture
def notes(hand, outbox_of):
    return outbox_of(hand)


def test_things_sensors_and_datastreams_come_from_the_configuration(config_of, notes):
    inventory = InventoryBook(config_of(), notes).current()
    assert inventory.gateway.id == "kubuqi-dune"
    assert inventory.gateway.software.startswith("saxaul-gateway ")
    assert inventory.things == [
        ThingInfo(
            id="dune-1",
            name="Dune 1, straw checkerboard",
            site="kubuqi-north",
            lat=40.6,
            lon=108.9,
        )
    ]
    assert inventory.sensors == [
        SensorInfo(
            id="soil-10cm",
            thing="dune-1",
            model="METER TEROS 12",
            serial="noted-by-hand",
            protocol="sdi12",
            address="1",
            depth_m=0.1,
        )
    ]
    assert inventory.datastreams[0] == DatastreamInfo(
        name="dune-1/soil-10cm/vwc_raw",
        sensor="dune-1/soil-10cm",
        property="vwc_raw",
        unit="{raw}",
        interval_s=10.0,
    )
    assert [one.property for one in inventory.datastreams] == [
        "vwc_raw",
        "soil_temperature",
        "soil_ec",
    ]


def test_an_instruments_own_serial_goes_before_the_noted_one(config_of, notes):
    book = InventoryBook(config_of(), notes)
    assert book.identified("dune-1", "soil-10cm", Said("T12-00001 ", "3.06"))
    sensor = book.current().sensors[0]
    assert (sensor.serial, sensor.firmware) == ("T12-00001", "3.06")


def test_an_instrument_without_a_serial_leaves_the_noted_one(config_of, notes):
    book = InventoryBook(config_of(), notes)
    book.identified("dune-1", "soil-10cm", Said("", "3.06"))
    assert book.current().sensors[0].serial == "noted-by-hand"


def test_the_same_identity_again_is_no_news(config_of, notes):
    book = InventoryBook(config_of(), notes)
    book.identified("dune-1", "soil-10cm", Said("T12-00001"))
    assert not book.identified("dune-1", "soil-10cm", Said("T12-00001"))


def test_rev_grows_with_each_change_only(config_of, notes):
    book = InventoryBook(config_of(), notes)
    assert (book.current().rev, book.current().rev) == (1, 1)
    book.identified("dune-1", "soil-10cm", Said("T12-00001"))
    assert (book.current().rev, book.current().rev) == (2, 2)


def test_a_restart_is_no_swap_of_instruments(config_of, notes):
    book = InventoryBook(config_of(), notes)
    book.identified("dune-1", "soil-10cm", Said("T12-00001"))
    before = book.current()
    assert InventoryBook(config_of(), notes).current() == before


def test_another_model_behind_the_id_voids_what_was_known(config_of, notes, tmp_path):
    InventoryBook(config_of(), notes).identified("dune-1", "soil-10cm", Said("T12-00001"))
    path = tmp_path / "gateway.toml"
    path.write_text(path.read_text().replace("METER TEROS 12", "METER ATMOS 41"))
    sensor = InventoryBook(load(path), notes).current().sensors[0]
    assert (sensor.model, sensor.serial) == ("METER ATMOS 41", "noted-by-hand")
