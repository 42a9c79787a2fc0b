"""Every fault of gateway.toml at once, each with its line; the sensors without any are read."""

import pytest

from gateway.config import load, load_valid, read
from wire.errors import ConfigError

TEXT = """\
[gateway]
id = "kubuqi-dune"
site = "kubuqi-north"
[[thing]]
id = "dune-1"
name = "Dune 1"
[[bus]]
id = "sdi"
port = "/dev/ttyUSB0"
protocol = "sdi12"
  [[bus.sensor]]
  id = "soil"
  thing = "dune-1"
  model = "METER TEROS 12"
  address = "1"
  interval_s = 600
  [[bus.sensor]]
  id = "deep"
  thing = "dune-1"
  model = "METER TEROS 12"
  address = "2"
  [[bus.sensor]]
  id = "mast"
  thing = "dune-1"
  model = "METER ATMOS 41"
  address = "3"
[[bus]]
id = "rtu"
port = "/dev/ttyUSB1"
protocol = "modbus"
  [[bus.sensor]]
  id = "wind"
  thing = "dune-1"
  model = "Renke RS-FSXCS"
  address = "1"
"""
ALL = ["soil", "deep", "mast", "wind"]


@pytest.fixture
def written(tmp_path):
    """Write the file with some of its text changed; every change must hit."""

    def write(*changes):
        text = TEXT
        for good, bad in changes:
            assert good in text
            text = text.replace(good, bad, 1)
        path = tmp_path / "gateway.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def names(config):
    return [sensor.id for _, sensor, _ in config.sensors()]


def test_a_file_without_faults_is_read_whole(written):
    path = written()

    assert load_valid(path) == (load(path), [])
    assert names(load(path)) == ALL


@pytest.mark.parametrize(
    ("good", "bad", "line", "told", "left"),
    [
        (
            "Renke RS-FSXCS",
            "Renke RS-FSXC",
            34,
            (
                "model 'Renke RS-FSXC' is not in the catalogue (did you mean 'Renke RS-FSXCS'?); "
                "'saxaul-gateway catalogue list' shows all"
            ),
            ["soil", "deep", "mast"],
        ),
        (
            "METER ATMOS 41",
            "Renke RS-FSXCS",
            25,
            (
                "Renke RS-FSXCS speaks modbus, the bus sdi12: correct the model, or attach it to a "
                "bus of its protocol"
            ),
            ["soil", "deep", "wind"],
        ),
        (
            'address = "2"',
            'address = "22"',
            21,
            "address '22' is no SDI-12 address: give one of 0-9, A-Z, a-z",
            ["soil", "mast", "wind"],
        ),
        (
            '  address = "2"\n',
            "",
            17,
            "address '' is no SDI-12 address: give one of 0-9, A-Z, a-z",
            ["soil", "mast", "wind"],
        ),
        (
            "interval_s = 600",
            "interval_s = -600",
            16,
            "interval_s must be more than 0 and at most 31622400 s (366 days), not -600",
            ["deep", "mast", "wind"],
        ),
        (
            "interval_s = 600",
            "interval_s = 600\n  sample_s = 45",
            17,
            "sample_s interval_s 600 is no whole multiple of sample_s 45: choose one that is",
            ["deep", "mast", "wind"],
        ),
        (
            'thing = "dune-1"',
            'thing = "dune-l"',
            13,
            "thing 'dune-l' has no [[thing]] table: add it, or name one of dune-1",
            ["deep", "mast", "wind"],
        ),
    ],
)
def test_a_fault_of_one_sensor_is_told_and_the_others_are_read(
    written, good, bad, line, told, left
):
    path = written((good, bad))
    config, (fault,) = load_valid(path)

    assert str(fault) == f"{path}:{line}: {fault.about}: {told}"
    assert f"sensor '{next(one for one in ALL if one not in left)}'" in fault.about
    assert names(config) == left
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert (str(caught.value), caught.value.line) == (str(fault), line)


def test_of_two_sensors_at_one_address_none_is_read(written):
    """Nobody can know which of them is right."""
    config, faults = load_valid(written(('address = "2"', 'address = "1"')))

    assert [one.line for one in faults] == [15, 21]
    assert {one.message for one in faults} == {
        "sensors 'soil' and 'deep' share the address '1'; give each its own"
    }
    assert names(config) == ["mast", "wind"]


def test_of_two_sensors_of_one_name_none_is_read(written):
    config, faults = load_valid(written(('id = "wind"', 'id = "soil"')))

    assert [one.line for one in faults] == [12, 32]
    assert names(config) == ["deep", "mast"]


def test_of_two_things_of_one_id_no_sensor_is_read_and_those_of_others_are(written):
    """Nobody can know which of them is meant; what they agree on is told of it."""
    other = '[[thing]]\nid = "dune-2"\nname = "Dune 2"\nlat = 40.5\nlon = 108.9\n'
    wind = 'id = "wind"\n  thing = "dune-{}"'
    path = written(
        ("[[bus]]", f"{other}{other.replace('40.5', '40.6')}[[bus]]"),
        (wind.format(1), wind.format(2)),
    )
    config, faults = load_valid(path)

    assert [(one.line, one.about, one.message) for one in faults] == [
        (8, "thing 'dune-2'", "this id is there twice; give each its own"),
        (13, "thing 'dune-2'", "this id is there twice; give each its own"),
        (
            43,
            "bus 'rtu', sensor 'wind'",
            "thing 'dune-2' is there twice; give each its own id",
        ),
    ]
    assert names(config) == ["soil", "deep", "mast"]
    assert [(one.id, one.name, one.lat, one.lon) for one in config.thing] == [
        ("dune-1", "Dune 1", None, None),
        ("dune-2", "Dune 2", None, 108.9),
    ]


def test_where_all_sensors_are_of_a_thing_that_is_there_twice_nothing_is_left(written):
    path = written(("[[bus]]", '[[thing]]\nid = "dune-1"\nname = "again"\n[[bus]]'))
    with pytest.raises(ConfigError, match=r":8: thing 'dune-1': this id is there twice"):
        load_valid(path)


def test_a_bus_of_which_no_sensor_is_left_is_not_started(written):
    config, _ = load_valid(written(("Renke RS-FSXCS", "Acme")))

    assert [bus.id for bus in config.bus] == ["sdi"]


def test_a_fault_of_a_bus_keeps_no_other_bus_from_being_read(written):
    changed = ('protocol = "modbus"', 'protocol = "modbus"\nadapter = "uart"')
    config, (fault,) = load_valid(written(changed))

    assert (fault.about, fault.line, fault.sensor) == ("bus 'rtu'", 31, None)
    assert names(config) == ["soil", "deep", "mast"]


def test_who_borrows_from_a_refused_sensor_is_read_all_the_same(written):
    """Its raw distance is worth having; only the correction is missing."""
    borrowing = '"Campbell SR50A"\n  temperature_from = "mast"'
    unknown = ("METER ATMOS 41", "METER ATMOS 411")
    config, (fault,) = load_valid(written(('"METER TEROS 12"', borrowing), unknown))

    assert fault.about == "bus 'sdi', sensor 'mast'"
    assert names(config) == ["soil", "deep", "wind"]


def test_who_borrows_from_a_bus_that_cannot_be_read_is_read_all_the_same(written):
    borrowing = ('"METER TEROS 12"', '"Campbell SR50A"\n  temperature_from = "mast"')
    mast = '  [[bus.sensor]]\n  id = "mast"'
    bus = '[[bus]]\nid = "mast"\nport = "/dev/ttyUSB2"\nprotocol = "sdi12"\nbaud = "fast"\n'
    config, faults = load_valid(written(borrowing, (mast, bus + mast)))

    assert [one.about for one in faults] == ["bus 'mast'"]
    assert names(config) == ["soil", "deep", "wind"]


@pytest.mark.parametrize("fault", ['baud = "4800"\n', ""])
def test_a_receiver_that_cannot_be_read_keeps_no_sensor_from_being_read(written, fault):
    receiver = (
        f'[[bus]]\nid = "gps"\nport = "/dev/ttyUSB2"\nprotocol = "nmea0183"\n{fault}'
        '  [[bus.sensor]]\n  id = "gps"\n  thing = "dune-1"\n'
        '  model = "GNSS receiver, NMEA 0183"\n'
    )
    path = written(("[[thing]]", '[clock]\ntrust = "gnss"\n[[thing]]'))
    text = path.read_text() + receiver
    path.write_text(text if fault else text.replace('id = "gps"\n  thing', "id = 1\n  thing"))
    config, faults = load_valid(path)

    assert not any("catalogue" in one.message for one in faults)
    assert names(config) == ALL


def test_all_faults_are_told_at_once_in_the_order_of_the_file(written):
    path = written(
        ('address = "2"', 'address = "22"'),
        ("Renke RS-FSXCS", "Acme"),
        ("interval_s = 600", "interval_s = 0"),
    )
    with pytest.raises(ConfigError) as caught:
        load(path)

    told = str(caught.value).splitlines()
    assert [one.partition(": ")[0] for one in told] == [f"{path}:{line}" for line in (16, 21, 34)]


def test_all_unknown_keys_are_told_at_once(written):
    path = written(('site = "', 'sitt = "'), ("interval_s", "intervall_s"))
    with pytest.raises(ConfigError) as caught:
        load_valid(path)

    told = str(caught.value).splitlines()
    assert any(one.startswith(f"{path}:3: unknown key 'sitt'") for one in told)
    assert any(one.startswith(f"{path}:16: unknown key 'intervall_s'") for one in told)


@pytest.mark.parametrize(
    ("good", "bad", "line", "told"),
    [
        (
            "[[thing]]",
            '[uplink]\nhost = "broker.example"\n[[thing]]',
            5,
            "uplink.host 'broker.example' is not on this machine: set uplink.tls = true",
        ),
        (
            "[[thing]]",
            '[clock]\ntrust = "gnss"\n[[thing]]',
            5,
            "clock.trust is 'gnss' and no bus has protocol",
        ),
    ],
)
def test_a_fault_of_the_whole_file_refuses_everything(written, good, bad, line, told):
    path = written((good, bad))
    with pytest.raises(ConfigError) as caught:
        load_valid(path)

    assert str(caught.value).startswith(f"{path}:{line}: {told}")


@pytest.mark.parametrize(
    ("table", "line"), [("thing", 4), ("bus", 7)], ids=["one station", "one bus"]
)
def test_a_table_that_should_be_one_of_a_list_is_told(written, table, line):
    """A single pair of brackets is easily written."""
    text = written().read_text().replace(f"[[{table}]]", f"[{table}]")
    path = written()
    path.write_text(text.partition('[bus]\nid = "rtu')[0])
    with pytest.raises(ConfigError) as caught:
        load_valid(path)

    assert str(caught.value).splitlines()[0] == (
        f"{path}:{line}: {table}: Expected `array`, got `object`; "
        f"write [[{table}]], in double brackets"
    )


def test_nothing_to_read_is_refused_with_every_reason(written):
    """But what looks into it further can: the doctor."""
    path = written(*[('thing = "dune-1"', 'thing = "x"')] * 4)
    with pytest.raises(ConfigError) as caught:
        load_valid(path)

    assert str(caught.value).count("thing 'x' has no [[thing]] table") == 4
    config, faults = read(path)
    assert (config.bus, len(faults)) == ([], 4)


def test_without_a_bus_there_must_be_a_page_on_which_one_can_be_found(tmp_path):
    path = tmp_path / "gateway.toml"
    bare = TEXT.partition("[[bus]]")[0]
    path.write_text(bare)
    with pytest.raises(ConfigError, match=r"scan --write.*so does the page"):
        load_valid(path)
    path.write_text('[page]\nlisten = "127.0.0.1:8080"\n' + bare)

    assert load(path).bus == []
    assert load_valid(path)[0].bus == []


@pytest.mark.parametrize(
    ("good", "bad", "line", "told", "left"),
    [
        (
            "interval_s = 600",
            'interval_s = "often"',
            16,
            "bus 'sdi', sensor 'soil': interval_s: Expected `float`, got `str`; give a number",
            ["deep", "mast", "wind"],
        ),
        (
            'address = "2"',
            "address = 2",
            21,
            "bus 'sdi', sensor 'deep': address: Expected `str`, got `int`; give a text in quotes",
            ["soil", "mast", "wind"],
        ),
        (
            'model = "METER ATMOS 41"',
            'modell = "METER ATMOS 41"',
            22,
            "bus 'sdi', sensor 'mast': the key 'model' is missing",
            ["soil", "deep", "wind"],
        ),
        (
            'id = "mast"',
            "id = 7",
            23,
            "bus 'sdi', sensor 3: id: Expected `str`, got `int`; give a text in quotes",
            ["soil", "deep", "wind"],
        ),
        (
            'protocol = "modbus"',
            'protocol = "modbus"\nbaud = "fast"',
            31,
            "bus 'rtu': baud: Expected `int | null`, got `str`",
            ["soil", "deep", "mast"],
        ),
        (
            'port = "/dev/ttyUSB1"\n',
            "",
            27,
            "bus 'rtu': the key 'port' is missing",
            ["soil", "deep", "mast"],
        ),
    ],
)
def test_a_value_of_the_wrong_sort_refuses_one_sensor_or_one_bus(
    written, good, bad, line, told, left
):
    path = written((good, bad))
    config, faults = load_valid(path)

    assert not any("catalogue" in one.message for one in faults)
    assert str(faults[0]).startswith(f"{path}:{line}: {told}")
    assert names(config) == left
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert f"{path}:{line}: {told}" in str(caught.value)


def test_the_lines_of_what_comes_after_a_refused_sensor_are_right(written):
    path = written(
        ('id = "soil"', "id = 1"),
        ('address = "3"', 'address = "33"'),
        ("Renke RS-FSXCS", "Renke RS-X"),
    )
    config, faults = read(path)

    assert [one.line for one in faults] == [12, 26, 34]
    assert names(config) == ["deep"]


def test_who_borrows_of_a_refused_sensor_is_read(written):
    path = written(
        ("Renke RS-FSXCS", "Campbell SR50A, serial"),
        ('protocol = "modbus"', 'protocol = "line"'),
        ('id = "wind"', 'id = "wind"\n  temperature_from = "mast"'),
        ('address = "3"', 'address = "3"\n  depth_m = "high"'),
    )
    config, faults = read(path)

    assert [one.about for one in faults] == ["bus 'sdi', sensor 'mast'"]
    assert "wind" in names(config)


def test_a_value_of_the_wrong_sort_elsewhere_refuses_the_whole_file(written):
    path = written(('site = "kubuqi-north"', "site = 1"), ('address = "2"', "address = 2"))
    with pytest.raises(ConfigError) as caught:
        load_valid(path)

    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        f"{path}:3",
        f"{path}:21",
    ]


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ('id = "rtu"', 'id = "sdi"', [(8, "this id is there"), (28, "this id is there")]),
        ("ttyUSB1", "ttyUSB0", [(9, "port '/dev/ttyUSB0'"), (29, "port '/dev/ttyUSB0'")]),
    ],
)
def test_two_buses_that_clash_are_refused_and_a_third_is_read(written, good, bad, told):
    path = written((good, bad))
    text = path.read_text()
    bus = TEXT[TEXT.rindex("[[bus]]") :]
    third = bus.replace('"rtu"', '"third"').replace("ttyUSB1", "ttyUSB2").replace('"wind"', '"far"')
    path.write_text(text + third)
    config, faults = load_valid(path)

    assert names(config) == ["far"]
    assert [one.line for one in faults] == [line for line, _ in told]
    assert all(one.message.startswith(text) for one, (_, text) in zip(faults, told, strict=True))


@pytest.mark.parametrize("listen", ["", '[page]\nlisten = "127.0.0.1:8080"\n'])
def test_a_receiver_can_be_looked_for_on_the_page_before_the_time_is_known(written, listen):
    path = written(("[[thing]]", f'[clock]\ntrust = "gnss"\n{listen}[[thing]]'))
    path.write_text(path.read_text().partition("[[bus]]")[0])
    if not listen:
        with pytest.raises(ConfigError):
            load_valid(path)
        return
    config, (fault,) = load_valid(path)

    assert config.bus == []
    assert str(fault).startswith(f"{path}:5: a known clock: clock.trust is 'gnss' and no bus has")
    with pytest.raises(ConfigError, match=r"clock\.trust is 'gnss'"):
        load(path)


@pytest.mark.parametrize(("key", "value"), [("depth_m", "nan"), ("height_m", "-inf")])
def test_a_depth_that_is_no_length_is_refused(written, key, value):
    path = written(("interval_s = 600", f"interval_s = 600\n  {key} = {value}"))
    _, faults = load_valid(path)

    (fault,) = faults
    assert fault.message.startswith(f"{key} must be a number of metres, not {value}; leave it")


def test_an_elevation_that_is_no_length_is_refused(written):
    path = written(("[[bus]]", "elevation_m = inf\n[[bus]]"))
    with pytest.raises(ConfigError, match="elevation_m must be a number of metres, not inf"):
        load_valid(path)
