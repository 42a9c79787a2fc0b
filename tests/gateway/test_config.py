"""What gateway.toml may say: each mistake is one line that names the file, the place, the remedy."""

import pytest

from gateway.config import OutboxSection, load
from wire.errors import ConfigError

TEXT = """
[gateway]
id = "kubuqi-dune"
site = "kubuqi-north"
[[thing]]
id = "dune-1"
name = "Dune 1"
{thing}
[[bus]]
id = "one"
port = "/dev/ttyUSB0"
protocol = "{protocol}"
  [[bus.sensor]]
  id = "a"
  thing = "dune-1"
  model = "{model}"
  {sensor}
{more}
"""
SENSOR = """
  [[bus.sensor]]
  id = "b"
  thing = "dune-1"
  model = "{model}"
  {sensor}
"""
BUS = """
[[bus]]
id = "{id}"
port = "{port}"
protocol = "sdi12"
  [[bus.sensor]]
  id = "b"
  thing = "dune-1"
  model = "METER TEROS 12"
  address = "1"
"""
SDI12 = {"protocol": "sdi12", "model": "METER TEROS 12"}
MODBUS = {"protocol": "modbus", "model": "Renke RS-FSXCS"}
NMEA = {"protocol": "nmea0183", "model": "NMEA 0183 weather station"}
DAVIS = {"protocol": "davis", "model": "Davis Vantage Pro2"}
COUNTER = {"protocol": "line", "model": "Saltation counter, ASCII"}


def loaded(tmp_path, *, protocol, model, sensor='address = "1"', thing="", more=""):
    path = tmp_path / "dune.toml"
    text = TEXT.format(protocol=protocol, model=model, sensor=sensor, thing=thing, more=more)
    path.write_text(text, encoding="utf-8")
    return load(path)


def second(sort, sensor):
    return SENSOR.format(model=sort["model"], sensor=sensor)


def test_a_file_in_another_encoding_is_told(tmp_path):
    path = tmp_path / "dune.toml"
    path.write_bytes(TEXT.encode() + "# Düne".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"dune\.toml: is no text in UTF-8"):
        load(path)


@pytest.mark.parametrize(
    ("sort", "sensor", "told"),
    [
        (SDI12, "", "bus 'one', sensor 'a': address '' is no SDI-12 address"),
        (SDI12, 'address = "10"', "address '10' is no SDI-12 address"),
        (MODBUS, "", "address '' is no Modbus address: give a number from 1 to 247"),
        (MODBUS, 'address = "0"', "address '0' is no Modbus address"),
    ],
)
def test_an_address_that_cannot_be_is_refused(tmp_path, sort, sensor, told):
    with pytest.raises(ConfigError, match=rf"dune\.toml:\d+: .*{told}"):
        loaded(tmp_path, **sort, sensor=sensor)


@pytest.mark.parametrize(
    ("sort", "sensors", "told"),
    [
        (SDI12, ('address = "1"', 'address = "1"'), "'a' and 'b' share the address '1'"),
        (MODBUS, ('address = "1"', 'address = "01"'), "'a' and 'b' share the address '01'"),
        (COUNTER, ('address = "7"', 'address = "007"'), "'a' and 'b' share the address '007'"),
        (COUNTER, ('address = "7"', ""), "'b': sensors that share a line need an address each"),
        (DAVIS, ("", ""), "'a' and 'b' share the address ''"),
        (NMEA, ("", ""), "NMEA 0183 does not say who talks: give each station a bus of its own"),
    ],
)
def test_no_answer_and_no_line_may_belong_to_two_sensors(tmp_path, sort, sensors, told):
    """It would be stored twice, under two names."""
    with pytest.raises(ConfigError, match=rf"dune\.toml:\d+: .*{told}"):
        loaded(tmp_path, **sort, sensor=sensors[0], more=second(sort, sensors[1]))


def test_a_davis_console_takes_channels_of_a_soil_station_only(tmp_path):
    with pytest.raises(ConfigError, match="its channel, 1 to 4"):
        loaded(tmp_path, **DAVIS, sensor='address = "5"')
    soil = SENSOR.format(model="Davis soil moisture station", sensor='address = "4"')
    assert len(list(loaded(tmp_path, **DAVIS, sensor="", more=soil).sensors())) == 2


def test_what_talks_and_what_is_asked_cannot_share_a_line(tmp_path):
    """What must be asked would be talked over."""
    asked = SENSOR.format(model="Vaisala WXT530", sensor='address = "0"')
    with pytest.raises(ConfigError, match="some sensors talk by themselves"):
        loaded(tmp_path, **COUNTER, sensor='address = "7"', more=asked)


def test_one_talker_alone_needs_no_address(tmp_path):
    for sort in (COUNTER, NMEA):
        assert loaded(tmp_path, **sort, sensor="").bus[0].sensor[0].address == ""


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('[[thing]]\nid = "dune-1"\nname = "again"', "thing 'dune-1': this id is there twice"),
        (BUS.format(id="one", port="/dev/ttyUSB1"), "bus 'one': this id is there twice"),
        (
            BUS.format(id="two", port="/dev/ttyUSB0"),
            "bus 'one': port '/dev/ttyUSB0' is there twice",
        ),
        (
            BUS.format(id="two", port="p").replace('"b"', '"a"'),
            "bus 'one', sensor 'a': sensor 'dune-1/a' is there twice",
        ),
    ],
)
def test_what_is_there_twice_is_refused(tmp_path, more, told):
    with pytest.raises(ConfigError, match=rf"dune\.toml:\d+: {told}; give each its own"):
        loaded(tmp_path, **SDI12, more=more)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("interval_s = inf", "interval_s must be more than 0 and at most 31622400 s"),
        ("interval_s = 0", "interval_s must be more than 0 and at most 31622400 s"),
        ("sample_s = nan", "sample_s must be more than 0 and at most 31622400 s"),
    ],
)
def test_an_interval_that_no_schedule_could_hold_is_refused(tmp_path, key, told):
    with pytest.raises(ConfigError, match=rf"dune\.toml:18: bus 'one', sensor 'a': {told}"):
        loaded(tmp_path, **SDI12, sensor=f'address = "1"\n  {key}')


def test_a_text_that_no_inventory_could_hold_is_refused(tmp_path):
    """The server would refuse the whole inventory, and with it every reading."""
    told = r"dune\.toml:18: bus 'one', sensor 'a': serial: Expected `str` of length <= 200"
    with pytest.raises(ConfigError, match=told):
        loaded(tmp_path, **SDI12, sensor=f'address = "1"\n  serial = "{"9" * 201}"')


def test_a_baud_rate_of_zero_is_refused(tmp_path):
    more = BUS.format(id="two", port="p").replace('"sdi12"', '"sdi12"\nbaud = 0')
    with pytest.raises(
        ConfigError, match=r"dune\.toml:\d+: bus 'two': baud: Expected `int` >= 300"
    ):
        loaded(tmp_path, **SDI12, more=more)


def test_a_name_with_a_line_end_is_refused(tmp_path):
    """It would become part of topics and series names."""
    with pytest.raises(ConfigError, match=r"dune\.toml:\d+: thing\[1\]\.id"):
        loaded(tmp_path, **SDI12, more='[[thing]]\nid = "dune-2\\n"\nname = "Dune 2"')


def test_the_outbox_keeps_what_the_contract_says_unless_told_otherwise(tmp_path):
    """The wire contract, "Receipt": 30 days or 2 GB."""
    assert loaded(tmp_path, **SDI12).outbox == OutboxSection(keep_days=30, max_mb=2000)
    more = "[outbox]\nkeep_days = 7\nmax_mb = 500"
    assert loaded(tmp_path, **SDI12, more=more).outbox == OutboxSection(keep_days=7, max_mb=500)
    with pytest.raises(ConfigError, match="max_mb"):
        loaded(tmp_path, **SDI12, more="[outbox]\nmax_mb = 0")


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ('send_between = ["05:00-06:00", "6-7"]', "'6-7' is no span of a day"),
        ('send_between = ["05:00-05:00"]', "'05:00-05:00' is no span of a day"),
        ('send_between = ["23:00-24:30"]', "'23:00-24:30' is no span of a day"),
        ('send_between = ["24:00-01:00"]', "'24:00-01:00' is no span of a day"),
        ("daily_mb = 0.1", "give at least 0.5, or 0 for no limit"),
    ],
)
def test_a_plan_that_could_never_send_is_refused_with_line_and_remedy(tmp_path, key, line):
    name = key.split()[0]
    with pytest.raises(ConfigError, match=rf"dune\.toml:\d+: uplink\.{name}: {line}") as caught:
        loaded(tmp_path, **SDI12, more=f"[uplink]\nbatch_every_s = 600\n{key}")
    assert (tmp_path / "dune.toml").read_text().splitlines()[caught.value.line - 1] == key


@pytest.mark.parametrize("key", ["daily_mb = -1", "daily_mb = nan", "send_between = [5]"])
def test_a_plan_of_the_wrong_sort_is_refused(tmp_path, key):
    with pytest.raises(ConfigError, match=r"dune\.toml:\d+: uplink\."):
        loaded(tmp_path, **SDI12, more=f"[uplink]\n{key}")


def test_hours_are_read_in_minutes_of_the_day(tmp_path):
    more = '[uplink]\nsend_between = ["05:00-06:00", "22:30-00:15", "23:00-24:00"]'
    assert loaded(tmp_path, **SDI12, more=more).uplink.hours == [
        (300, 360),
        (1350, 15),
        (1380, 1440),
    ]


def test_without_a_plan_there_is_none(tmp_path):
    uplink = loaded(tmp_path, **SDI12).uplink
    assert (uplink.daily_mb, uplink.hours) == (0, [])
