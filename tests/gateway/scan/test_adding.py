"""Adding to a gateway.toml that a person has written."""

import pytest

from gateway.config import load
from gateway.scan import Finding, FoundSensor
from gateway.scan.adding import add, preview
from wire.catalogue import Protocol
from wire.errors import ConfigError

WRITTEN = """\
# The dune behind the well. Ask Batu for the key.
[gateway]
id = "kubuqi-dune"
site = "kubuqi-north"

[[thing]]
id = "dune-1"
name = "Dune 1"   # straw checkerboard

[[bus]]
id = "sdi12"
port = "/dev/ttyUSB0"
protocol = "sdi12"
  [[bus.sensor]]
  id = "soil-10cm"       # the shallow one
  thing = "dune-1"
  model = "METER TEROS 12"
  address = "1"

# The mast comes in spring.
[uplink]
batch_every_s = 300
"""

TEROS = FoundSensor("1", ("METER TEROS 12",), "METER TER12 400 X1", "vwc_raw 2493.4 {raw}")
DEEPER = FoundSensor("2", ("METER TEROS 12",), "METER TER12 400 X2", "vwc_raw 2100 {raw}")
SNOW = FoundSensor("1", ("Campbell SR50A", "Campbell SR50AT"), "CAMPBELL SR50A 101")
PROBE = FoundSensor("4", ("Renke RS-FSXCS",), "answers by Modbus", "wind_speed 2.3 m/s")


def sdi(*sensors, port="/dev/ttyUSB0", protocol=Protocol.SDI12):
    return Finding(port, protocol, 9600, sensors=list(sensors))


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(WRITTEN)
    path.chmod(0o640)
    return path


def sensors(path):
    return [(bus.id, one.id, one.address) for bus, one, _ in load(path).sensors()]


def test_a_new_bus_is_added_at_the_end_and_nothing_else_is_touched(written):
    other = sdi(PROBE, port="/dev/ttyUSB1", protocol=Protocol.MODBUS)
    added = add(written, [other], "dune-1")

    assert written.read_text() == WRITTEN + "\n" + added + "\n"
    assert sensors(written) == [
        ("sdi12", "soil-10cm", "1"),
        ("modbus", "renke-rs-fsxcs-4", "4"),
    ]


def test_a_new_sensor_of_a_known_bus_is_added_to_its_table(written):
    added = add(written, [sdi(TEROS, DEEPER)], "dune-1")
    text = written.read_text()

    assert sensors(written) == [("sdi12", "soil-10cm", "1"), ("sdi12", "meter-teros-12-2", "2")]
    assert text.replace(f"\n{added}\n", "", 1) == WRITTEN
    assert text.index("meter-teros-12-2") < text.index("# The mast comes in spring.")


def test_a_port_under_its_other_name_is_the_same_bus(written, tmp_path):
    device = tmp_path / "ttyUSB0"
    device.touch()
    link = tmp_path / "by-id"
    link.symlink_to(device)
    written.write_text(WRITTEN.replace("/dev/ttyUSB0", str(device)))

    add(written, [sdi(DEEPER, port=str(link))], "dune-1")

    assert [one[0] for one in sensors(written)] == ["sdi12", "sdi12"]


def test_what_is_there_already_changes_nothing(written):
    assert add(written, [sdi(TEROS)], "dune-1") == ""
    assert written.read_text() == WRITTEN


def test_a_second_bus_of_a_protocol_gets_a_name_of_its_own(written):
    add(written, [sdi(TEROS, port="/dev/ttyUSB1")], "dune-1")

    assert [one[0] for one in sensors(written)] == ["sdi12", "sdi12-2"]


def test_access_rights_stay(written):
    add(written, [sdi(DEEPER)], "dune-1")

    assert written.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in written.parent.iterdir()] == ["gateway.toml"]


def test_a_link_is_written_through(written, tmp_path):
    link = tmp_path / "etc" / "gateway.toml"
    link.parent.mkdir()
    link.symlink_to(written)
    add(link, [sdi(DEEPER)], "dune-1")

    assert link.is_symlink()
    assert "meter-teros-12-2" in written.read_text()


@pytest.mark.parametrize(
    ("finding", "thing", "words"),
    [
        (sdi(SNOW), "dune-1", "sensor 'soil-10cm' at address '1' is a METER TEROS 12"),
        (sdi(PROBE, protocol=Protocol.MODBUS), "dune-1", ":13: .*has the port /dev/ttyUSB0"),
        (sdi(DEEPER), "dune-7", r"no \[\[thing\]\] 'dune-7' \(there are: dune-1\)"),
    ],
)
def test_a_clash_is_refused_and_nothing_changes(written, finding, thing, words):
    with pytest.raises(ConfigError, match=words):
        add(written, [finding], thing)

    assert written.read_text() == WRITTEN


def test_a_file_that_would_not_be_valid_stays_as_it_was(written):
    wrong = WRITTEN.replace("batch_every_s = 300", "batch_every_s = 300\nbatchs = 3")
    written.write_text(wrong)

    with pytest.raises(ConfigError, match=r"gateway\.toml: not changed.*batchs"):
        add(written, [sdi(DEEPER)], "dune-1")

    assert written.read_text() == wrong
    assert [one.name for one in written.parent.iterdir()] == ["gateway.toml"]


def test_a_station_without_sensors_yet_gets_its_first_ones(tmp_path):
    """Without a bus the file is not complete; that is what the scan is for."""
    path = tmp_path / "gateway.toml"
    path.write_text(WRITTEN[: WRITTEN.index("[[bus]]")])
    add(path, [sdi(TEROS)], "dune-1")

    assert sensors(path) == [("sdi12", "meter-teros-12-1", "1")]


def test_a_file_that_is_not_there_is_told_with_the_remedy(tmp_path):
    with pytest.raises(ConfigError, match="saxaul-gateway config >"):
        add(tmp_path / "gateway.toml", [sdi(TEROS)], "dune-1")


def test_what_would_be_added_is_shown_as_it_will_be(written):
    found = [sdi(TEROS, DEEPER), sdi(PROBE, port="/dev/ttyUSB1", protocol=Protocol.MODBUS)]
    shown = preview(written, found, "dune-1")

    assert written.read_text() == WRITTEN
    assert "METER TER12 400 X2" in shown
    assert shown == add(written, found, "dune-1")
    assert preview(written, found, "dune-1") == ""


def test_a_clash_is_told_before_anything_is_added(written):
    with pytest.raises(ConfigError, match="is a METER TEROS 12"):
        preview(written, [sdi(SNOW)], "dune-1")
