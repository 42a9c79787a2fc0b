"""What the server is told is attached."""

from dataclasses import dataclass
from importlib import resources

import pytest

from gateway.config import load, load_valid
from gateway.inventory import InventoryBook
from wire.catalogue import bundled
from wire.messages import DatastreamInfo, NoValueInfo, SensorInfo, ThingInfo


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


def described(sensor):
    return (sensor.id, sensor.model, sensor.refused)


def test_a_sensor_that_is_refused_is_announced_as_such_without_series(config_of, notes, tmp_path):
    """Else the server would take it for gone, and end its deployment."""
    config_of()
    path = tmp_path / "gateway.toml"
    text = path.read_text()
    sensor = text[text.index("  [[bus.sensor]]") :]
    other = sensor.replace("soil-10cm", "soil-30cm").replace('"1"', "2")
    path.write_text(text + other)
    config, faults = load_valid(path)
    inventory = InventoryBook(config, notes, faults=faults).current()

    assert [described(one) for one in inventory.sensors] == [
        ("soil-10cm", "METER TEROS 12", ""),
        (
            "soil-30cm",
            "METER TEROS 12",
            "address: Expected `str`, got `int`; give a text in quotes",
        ),
    ]
    assert {one.sensor for one in inventory.datastreams} == {"dune-1/soil-10cm"}


def test_the_sensors_of_a_refused_bus_are_announced_as_refused(config_of, notes, tmp_path):
    config_of()
    path = tmp_path / "gateway.toml"
    text = path.read_text()
    bus = text[text.index("[[bus]]") :]
    bus = bus.replace('"sdi"', '"two"').replace("soil-10cm", "soil-30cm")
    path.write_text(text + bus.replace('protocol = "sdi12"', 'protocol = "sdi13"'))
    config, faults = load_valid(path)
    (_, refused) = InventoryBook(config, notes, faults=faults).current().sensors

    assert (refused.id, refused.model) == ("soil-30cm", "METER TEROS 12")
    assert refused.refused.startswith("protocol: Invalid enum value 'sdi13'; known: ")


def test_the_sensors_of_a_thing_that_is_there_twice_are_announced_as_refused(
    config_of, notes, tmp_path
):
    config_of()
    path = tmp_path / "gateway.toml"
    text = path.read_text()
    sensor = text[text.index("  [[bus.sensor]]") :]
    other = sensor.replace("soil-10cm", "far").replace('"1"', '"2"').replace("dune-1", "dune-2")
    twice = '[[thing]]\nid = "dune-2"\nname = "Dune 2"\n'
    path.write_text(text.replace("[[bus]]", f"{twice}{twice}[[bus]]") + other)
    config, faults = load_valid(path)
    inventory = InventoryBook(config, notes, faults=faults).current()

    assert [one.id for one in inventory.things] == ["dune-1", "dune-2"]
    assert [described(one) for one in inventory.sensors] == [
        ("soil-10cm", "METER TEROS 12", ""),
        ("far", "METER TEROS 12", "thing 'dune-2' is there twice; give each its own id"),
    ]
    assert {one.sensor for one in inventory.datastreams} == {"dune-1/soil-10cm"}


def test_a_sensor_stands_since_this_gateway_first_ran_with_it(config_of, notes, hand, clock_of):
    hand.synchronised = True
    config, clock = config_of(), clock_of(hand)
    (first,) = InventoryBook(config, notes, clock=clock).current().sensors
    hand.advance(60_000)
    (again,) = InventoryBook(config, notes, clock=clock).current().sensors

    assert first.since == again.since == 1_767_225_600_000


@pytest.mark.parametrize(
    "change",
    [
        ("METER TEROS 12", "METER TEROS 11"),
        ("depth_m = 0.1", "depth_m = 0.3"),
        ("depth_m = 0.1", "depth_m = 0.1\n  reference_m = 1.5"),
        ("noted-by-hand", "T12-00002"),
    ],
)
def test_another_installation_stands_since_it_was_there(
    config_of, notes, hand, clock_of, tmp_path, change
):
    hand.synchronised = True
    clock = clock_of(hand)
    InventoryBook(config_of(), notes, clock=clock).current()
    path = tmp_path / "gateway.toml"
    path.write_text(path.read_text().replace(*change))
    hand.advance(60_000)
    (sensor,) = InventoryBook(load(path), notes, clock=clock).current().sensors

    assert sensor.since == 1_767_225_660_000


def test_that_a_serial_number_became_known_is_no_other_installation(
    config_of, notes, hand, clock_of, tmp_path
):
    hand.synchronised = True
    clock = clock_of(hand)
    config_of()
    path = tmp_path / "gateway.toml"
    path.write_text(path.read_text().replace('  serial = "noted-by-hand"\n', ""))
    book = InventoryBook(load(path), notes, clock=clock)
    since = [book.current().sensors[0].since]
    hand.advance(60_000)
    book.identified("dune-1", "soil-10cm", Said("T12-00001"))
    since.append(book.current().sensors[0].since)
    hand.advance(60_000)
    book.identified("dune-1", "soil-10cm", Said("T12-00002"))
    since.append(book.current().sensors[0].since)

    assert since == [1_767_225_600_000, 1_767_225_600_000, 1_767_225_720_000]


def test_while_the_clock_is_unknown_nobody_says_since_when(config_of, notes, hand, clock_of):
    (sensor,) = InventoryBook(config_of(), notes, clock=clock_of(hand)).current().sensors
    assert sensor.since is None


def test_what_stood_there_before_this_was_noted_is_no_other_installation(
    config_of, notes, hand, clock_of
):
    """A gateway that gets a new program has had its sensors for long."""
    InventoryBook(config_of(), notes).current()
    hand.synchronised = True
    (sensor,) = InventoryBook(config_of(), notes, clock=clock_of(hand)).current().sensors
    assert sensor.since is None


def test_the_server_is_told_what_judges_a_model_of_ones_own(config_of, notes, tmp_path):
    config_of()
    own = tmp_path / "own"
    own.mkdir()
    entry = (resources.files("wire.catalogue") / "models" / "meter-teros-12.toml").read_text()
    (own / "mine.toml").write_text(entry.replace('"METER TEROS 12"', '"My probe"'))
    path = tmp_path / "gateway.toml"
    text = path.read_text().replace("METER TEROS 12", "My probe")
    path.write_text('[catalogue]\nfolder = "own"\n' + text)
    (sensor,) = InventoryBook(load(path), notes).current().sensors
    model = bundled()["METER TEROS 12"]

    assert [one.property for one in sensor.fields] == [one.property for one in model.field]
    assert sensor.fields[0].span == tuple(float(one) for one in model.field[0].span)
    assert sensor.fields[0].no_values[0] == NoValueInfo(
        value=float(model.sentinel[0].value), reason=model.sentinel[0].reason
    )
    assert (sensor.fields[0].resolution) == float(model.field[0].resolution)


def test_a_sensor_that_could_be_used_at_last_stands_since_then(
    config_of, notes, hand, clock_of, tmp_path
):
    """While it was refused nobody read it: since when it stood there is not what counts."""
    hand.synchronised = True
    clock = clock_of(hand)
    config_of()
    path = tmp_path / "gateway.toml"
    right = path.read_text().replace("  depth_m = 0.1\n", "")
    second = right[right.index("  [[bus.sensor]]") :].replace("soil-10cm", "soil-30cm")
    path.write_text(right + second.replace('"1"', "2"))
    config, faults = load_valid(path)
    (_, refused) = InventoryBook(config, notes, clock=clock, faults=faults).current().sensors
    assert refused.refused
    hand.advance(3_600_000)
    path.write_text(right + second.replace('"1"', '"2"'))
    (_, mended) = InventoryBook(load(path), notes, clock=clock).current().sensors

    assert mended.since == clock.wall_of(clock.mono_ms())


@pytest.mark.parametrize("note", ["inventory", "identities", "standing"])
def test_a_note_that_damage_left_unreadable_is_made_anew(config_of, notes, note):
    """Nothing else may depend on it: it would keep the gateway from starting for ever."""
    InventoryBook(config_of(), notes).current()
    notes.set_meta({note: '{"rev": 3, "ga'})
    inventory = InventoryBook(config_of(), notes).current()

    assert [one.id for one in inventory.sensors] == ["soil-10cm"]
    assert InventoryBook(config_of(), notes).current() == inventory


class RestartedOffline:
    """A gateway whose sensor was put deeper, started again in a new boot without a known clock."""

    def __init__(self, hand, clock_of, notes, config_of, path):
        hand.synchronised = True
        self.first = InventoryBook(config_of(), notes, clock=clock_of(hand)).current()
        hand.synchronised = False
        hand.advance(-900_000)
        path.write_text(path.read_text().replace("depth_m = 0.1", "depth_m = 0.3"))
        self.clock_of, self.hand, self.notes, self.path = clock_of, hand, notes, path
        self.book = self.started()

    def started(self, boot_id="boot-b"):
        clock = self.clock_of(self.hand, boot_id=boot_id)
        book = InventoryBook(load(self.path), self.notes, clock=clock)
        self.told = book.current().sensors[0].since
        return book


@pytest.fixture
def restarted(hand, clock_of, notes, config_of, tmp_path):
    return RestartedOffline(hand, clock_of, notes, config_of, tmp_path / "gateway.toml")


def test_what_was_changed_while_the_clock_was_unknown_stands_since_the_restart(restarted, hand):
    """The readings since then are stamped by the same clock, when it is known."""
    began_ms = hand.mono_ms
    assert restarted.told is None
    assert restarted.book.awaits_clock
    hand.advance(3_600_000)
    hand.offset_ms += 86_400_000
    hand.synchronised = True
    assert restarted.book.settles()
    (sensor,) = restarted.book.current().sensors

    assert sensor.since == began_ms + hand.offset_ms
    assert (restarted.book.awaits_clock, restarted.book.settles()) == (False, False)


def test_a_second_restart_in_the_same_boot_forgets_nothing(restarted, hand):
    began_ms = hand.mono_ms
    hand.advance(3_600_000)
    restarted.started()
    hand.advance(3_600_000)
    hand.synchronised = True
    restarted.started()

    assert restarted.told == began_ms + hand.offset_ms


def test_what_was_changed_in_a_boot_that_never_knew_the_time_stands_since_the_next(restarted, hand):
    hand.advance(-50_000)
    next_ms = hand.mono_ms
    book = restarted.started("boot-c")
    hand.advance(60_000)
    hand.synchronised = True
    assert book.settles()

    assert book.current().sensors[0].since == next_ms + hand.offset_ms


def test_a_new_gateway_is_announced_whatever_its_clock(config_of, notes, hand, clock_of):
    book = InventoryBook(config_of(), notes, clock=clock_of(hand))
    book.current()
    assert not book.awaits_clock
