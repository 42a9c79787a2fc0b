"""Scenario files."""

import pytest

from firmware_sim.line import FaultyLine
from firmware_sim.scenario import build, instant_s, load
from wire.errors import ConfigError

GOOD = """\
seed = 7
origin = "2026-09-01"

[[bus]]
id = "dune-sdi"
protocol = "sdi12"
link = "ports/dune-sdi"

  [[bus.device]]
  id = "dune-1/soil-10cm"
  model = "METER TEROS 12"
  address = "1"
  depth_m = 0.1
  serial = "T12-00001"

  [[bus.device]]
  id = "dune-1/mast"
  model = "METER ATMOS 41"
  address = "2"

[[bus]]
id = "salt"
protocol = "line"
baud = 19200

  [[bus.device]]
  id = "dune-1/salt"
  model = "Saltation counter, ASCII"

[[bus]]
id = "rtu"
protocol = "modbus"
faults = {drop = 0.5}

  [[bus.device]]
  id = "dune-1/weather"
  model = "Renke RS-FSXCS"
  address = "247"
"""


@pytest.fixture
def write(tmp_path):
    def save(text):
        path = tmp_path / "scenario.toml"
        path.write_text(text)
        return path

    return save


def test_a_scenario_comes_to_life(write):
    path = write(GOOD)
    simulation = build(load(path), path)
    assert [(port.bus_id, port.baud) for port in simulation.ports] == [
        ("dune-sdi", 9600),
        ("salt", 19200),
        ("rtu", 4800),
    ]
    assert simulation.ports[0].link == path.parent / "ports" / "dune-sdi"
    assert simulation.ports[1].link is None
    assert simulation.truth == path.parent / "truth.jsonl"
    assert [one.setup.name for one in simulation.lines["dune-sdi"].polled] == [
        "dune-1/soil-10cm",
        "dune-1/mast",
    ]


def test_a_faulty_line_is_put_where_faults_are_named(write):
    path = write(GOOD)
    ports = build(load(path), path).ports
    assert [isinstance(port.bus, FaultyLine) for port in ports] == [False, False, True]


def test_devices_of_a_scenario_share_one_world(write):
    path = write(GOOD)
    soil, mast = build(load(path), path).lines["dune-sdi"].polled
    assert soil.setup.surroundings is mast.setup.surroundings


def test_a_replay_takes_the_place_of_the_world(write, tmp_path):
    columns = ["station", "t_daily_avg", "rh_daily_avg", "p_daily_calc", "solarad_daily"]
    for kind in ("moisture", "temp"):
        columns += [f"soil_{kind}_{depth}_daily" for depth in (5, 10, 20, 50, 100)]
    values = ["Here", "21.5", *[""] * (len(columns) - 2)]
    (tmp_path / "s.csv").write_text(",".join(columns) + "\n" + ",".join(values) + "\n")
    path = write('replay = {file = "s.csv", station = "Here", row_s = 5}\n' + GOOD)
    mast = build(load(path), path).lines["dune-sdi"].polled[1]
    answer = mast.observe(1_795_000_000.0)
    assert str(answer.values["air_temperature"]) == "21.5"
    assert answer.reasons["wind_speed"] == "measurement compromised"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('link = "p', 'lnik = "p', r"scenario.toml:7: unknown key 'lnik'; did you mean 'link'\?"),
        ("{drop = 0.5}", "{dorp = 0.5}", "unknown key 'dorp'; did you mean 'drop'"),
        ("{drop = 0.5}", "{drop = 1.5}", "<= 1"),
        ("seed = 7\n", "", "the key 'seed' is missing"),
        ('"2026-09-01"', '"yesterday"', "origin: 'yesterday' is no ISO 8601 date"),
        ("TEROS 12", "TEROS 99", "'dune-1/soil-10cm': cannot play the model 'METER TEROS 99'"),
        ('"Saltation counter, ASCII"', '"METER TEROS 12"', "speaks sdi12, the bus line"),
        ('address = "1"\n', "", "must be one of 0-9, A-Z, a-z, not ''"),
        ('address = "1"\n', 'address = "12"\n', "not '12'"),
        ('address = "247"', 'address = "248"', "from 1 to 247, not '248'"),
        ('address = "247"', 'address = "x"', "not 'x'"),
        ('  address = "247"\n', "", "not ''"),
        ('ASCII"\n', 'ASCII"\n  address = "1000"\n', "up to three, not '1000'"),
        (
            'ASCII"\n',
            'ASCII"\n[[bus.device]]\nid = "dune-1/wxt"\nmodel = "Vaisala WXT530"\n',
            "some devices talk, others are asked",
        ),
        ('address = "2"', 'address = "1"', "bus 'dune-sdi': address '1' is there twice"),
        ('id = "rtu"', 'id = "salt"', "bus id 'salt' is there twice"),
        ("dune-1/weather", "dune-1/salt", "device id 'dune-1/salt' is there twice"),
        ('id = "rtu"', 'id = "rtu"\nlink = "ports/dune-sdi"', "link 'ports/dune-sdi' is there"),
        ('"dune-1/weather"', '"weather"', r"bus\[2\].device\[0\].id"),
        ('"modbus"', '"can"', "Invalid enum value 'can'"),
        ("seed = 7", "seed = [", "not valid TOML"),
    ],
)
def test_what_cannot_be_played_is_refused_by_name(write, old, new, message):
    assert old in GOOD
    with pytest.raises(ConfigError, match=message):
        load(write(GOOD.replace(old, new, 1)))


def test_a_missing_scenario_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load(tmp_path / "none.toml")


def test_a_scenario_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="no text in UTF-8"):
        load(path)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01", 1_767_225_600),
        ("2026-01-01T00:00:00Z", 1_767_225_600),
        ("2026-01-01T08:00+08:00", 1_767_225_600),
    ],
)
def test_instants_are_utc_unless_they_say_otherwise(text, seconds):
    assert instant_s(text, "here") == seconds


FAULTY = """\
seed = 7
origin = "2026-09-01"

[[bus]]
id = "dune-sdi"
protocol = "sdi12"
adapter = "line-cr"

  [[bus.device]]
  id = "dune-1/soil-10cm"
  model = "METER TEROS 12"
  address = "1"
    [[bus.device.fault]]
    kind = "swapped"
    after_s = 60
    for_s = 60
    model = "METER ATMOS 41"
    serial = "OTHER"
"""
NOW = 1_795_000_000.0


def who(bus, now):
    return [send.data for send in bus.receive(b"1I!\r", now)]


def test_a_swapped_device_is_another_one_for_a_while(write):
    path = write(FAULTY)
    line = build(load(path), path, began_s=NOW).lines["dune-sdi"]
    teros, atmos = b"114METER   TER12 400\r\n", b"114METER   ATM41 412OTHER\r\n"

    heard = [who(line.bus, NOW + at) for at in (0, 59, 61, 63, 117, 119, 121)]

    assert heard == [[teros], [teros], [], [atmos], [atmos], [], [teros]]


def test_a_doubled_device_shares_its_address_for_a_while(write):
    """Both answer, the second a character later: where one sends a 0 bit the line has a 0 bit."""
    path = write(FAULTY.replace("swapped", "doubled"))
    line = build(load(path), path, began_s=NOW).lines["dune-sdi"]
    teros, atmos = b"114METER   TER12 400\r\n", b"114METER   ATM41 412OTHER\r\n"

    before, meanwhile, after = (who(line.bus, NOW + at) for at in (59, 61, 121))

    assert before == after == [teros]
    late = b"\xff" + atmos
    length = len(late)
    assert meanwhile == [
        bytes(a & b for a, b in zip(teros.ljust(length, b"\xff"), late, strict=True))
    ]


def test_a_device_is_doubled_by_one_of_its_own_kind_unless_told(write):
    path = write(FAULTY.replace("swapped", "doubled").replace('    model = "METER ATMOS 41"\n', ""))
    line = build(load(path), path, began_s=NOW).lines["dune-sdi"]

    assert [one.setup.model.model for one in line.polled] == ["METER TEROS 12"] * 2


def test_history_knows_no_faults(write):
    path = write(FAULTY)
    line = build(load(path), path).lines["dune-sdi"]

    assert len(line.polled) == 1
    assert who(line.bus, NOW + 63) == [b"114METER   TER12 400\r\n"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"METER ATMOS 41"', '"Renke RS-FSXCS"', "cannot be swapped"),
        ('"METER ATMOS 41"', '"Nothing"', "cannot be swapped"),
        (
            'kind = "swapped"\n    after_s = 60\n    for_s = 60\n    model = "METER ATMOS 41"',
            'kind = "doubled"\n    model = "Renke RS-FSXCS"',
            "cannot be doubled by",
        ),
        ('"swapped"', '"sleepy"', "kind"),
        ("for_s = 60", "for_s = 0", "for_s"),
        ("for_s = 60", "share = 2", "share"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(write, old, new, said):
    with pytest.raises(ConfigError, match=said):
        load(write(FAULTY.replace(old, new)))


def test_a_davis_console_has_soil_channels_and_the_rate_of_its_kind(write):
    bus = (
        '[[bus]]\nid = "davis"\nprotocol = "davis"\n[[bus.device]]\nid = "dune-1/station"\n'
        'model = "Davis Vantage Pro2"\n[[bus.device]]\nid = "dune-1/soil"\n'
        'model = "Davis soil moisture station"\naddress = "4"\n'
    )
    path = write(GOOD + bus)
    simulation = build(load(path), path)

    assert simulation.ports[-1].baud == 19_200
    with pytest.raises(ConfigError, match="a soil station's channel from 1 to 4, not '5'"):
        load(write(GOOD + bus.replace('"4"', '"5"')))
