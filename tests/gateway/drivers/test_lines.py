"""Instruments that answer in lines, and what the parts of a line become."""

from decimal import Decimal

import pytest

from gateway.drivers.lines import LineAsker, ends_of
from gateway.drivers.talkers import LineTalker
from gateway.errors import FrameError
from gateway.readings import Reading
from wire.catalogue import bundled, parse_model
from wire.errors import ConfigError

WXT = bundled()["Vaisala WXT530, with checksum"]
GILL = bundled()["Gill WindSonic"]

WIND = b"0r1,Dn=236D,Dm=283D,Dx=031D,Sn=0.0M,Sm=1.0M,Sx=2.2MJ\\Y\r\n"
AIR = b"0r2,Ta=22.7C,Ua=55.5P,Pa=1004.7H@Fn\r\n"
RAIN = b"0r3,Rc=0.00M,Rd=0s,Ri=0.0MIlm\r\n"
STATE = b"0r5,Th=25.0C,Vh=10.6#,Vs=10.8V,Vr=3.369VO]T\r\n"
ASKS = [b"0r1Goe\r\n", b"0r2Gje\r\n", b"0r3Kid\r\n", b"0r5Kcd\r\n"]

# What a technician writes for an instrument that nobody knew: by an expression, and by columns.
PROBE = r"""
model = "Own snow scale"
vendor = "workshop"
protocol = "line"
reference = "its label"
[line]
mode = "asked"
ask = "M{address}\r"
pattern = '(?P<unit>\d+) (?P<depth>[0-9.]*|ERR) (?P<level>[0-9.]+)'
checksum = "none"
timeout_s = 0.7
address = "01"
[[field]]
property = "sand_distance"
key = "depth"
unit = "m"
scale = 0.01
offset = 1.5
resolution = 0.001
[[field]]
property = "supply_voltage"
key = "level"
unit = "V"
resolution = 0.1
[[sentinel]]
text = "ERR"
reason = "no echo"
[[sentinel]]
value = 99.9
reason = "not connected"
properties = ["supply_voltage"]
"""
MAST = """
model = "Own mast"
vendor = "workshop"
protocol = "line"
reference = "its label"
[line]
delimiter = ";"
columns = { speed = 2, letter = 3 }
start = ""
checksum = "sum8"
[[field]]
property = "wind_speed"
key = "speed"
unit = "m/s"
letter = "letter"
letters = { K = "km/h", M = "m/s" }
resolution = 0.1
"""


@pytest.fixture
def probe():
    return LineAsker(parse_model(PROBE, "own.toml"), "")


def test_a_vaisala_is_asked_for_each_message_and_read_by_key(script):
    driver = LineAsker(WXT, "")
    found = script(*zip(ASKS, [WIND, AIR, RAIN, STATE], strict=True)).run(driver.poll())

    values = {one.key: one.value for one in found if one.value is not None}
    assert values["wind_direction"] == 283
    assert values["wind_speed_max"] == Decimal("2.2")
    assert values["air_pressure"] == Decimal("1004.7")
    assert values["rain_total"] == values["rain"] == Decimal("0.00")
    assert values["reference_voltage"] == Decimal("3.369")
    reasons = {one.key: one.reason for one in found if one.value is None}
    assert reasons == {
        "heater_voltage": "invalid",
        "hail_total": "no value",
        "hail_rate": "no value",
    }
    assert [one.key for one in found] == [field.property for field in WXT.field]


def test_a_message_that_stays_damaged_costs_its_own_fields(script):
    spoiled = WIND.replace(b"1.0M", b"7.0M")
    play = script(*[(ASKS[0], spoiled)] * 3, (ASKS[1], AIR), (ASKS[2], RAIN), (ASKS[3], STATE))
    found = {one.key: one for one in play.run(LineAsker(WXT, "").poll())}

    assert found["wind_speed"] == Reading("wind_speed", None, "bad checksum")
    assert found["air_temperature"].value == Decimal("22.7")
    assert play.gave_way == 2


def test_an_echo_and_what_others_say_is_passed_over(script):
    heard = b"\xfe" + ASKS[0] + b"1r1,Sm=9.9MKxx\r\n" + WIND
    play = script((ASKS[0], heard), (ASKS[1], AIR), (ASKS[2], RAIN), (ASKS[3], STATE))

    assert play.run(LineAsker(WXT, "").poll())[1].value == Decimal("1.0")


def test_an_answer_of_another_address_is_none(script):
    model = bundled()["Vaisala WXT530"]
    other = b"1R1,Dm=100D,Sm=5.0M,Sn=5.0M,Sx=5.0M\r\n"
    found = script(
        *[(b"0R1\r\n", other)] * 3,
        *[(b"0R2\r\n", b"")] * 3,
        *[(b"0R3\r\n", b"")] * 3,
        *[(b"0R5\r\n", b"")] * 3,
    ).run(LineAsker(model, "").poll())

    assert all(one.value is None for one in found)


def test_a_refusal_is_told_as_one_and_not_asked_again(script):
    model = bundled()["Vaisala WXT530"]
    asks = [b"0R1\r\n", b"0R2\r\n", b"0R3\r\n", b"0R5\r\n"]
    refused = script(*[(ask, b"0TX,Unknown cmd error\r\n") for ask in asks])

    found = refused.run(LineAsker(model, "").poll())
    assert {one.reason for one in found} == {"refused by the instrument"}


def test_silence_ends_the_poll_and_is_asked_once_only_next_time(script):
    driver = LineAsker(WXT, "")
    found = script(*[(ASKS[0], b"")] * 3).run(driver.poll())
    assert {one.reason for one in found} == {"timeout"}

    assert {one.reason for one in script((ASKS[0], b"")).run(driver.poll())} == {"timeout"}


def test_back_again_it_is_given_all_its_tries(script):
    driver = LineAsker(WXT, "")
    script(*[(ASKS[0], b"")] * 3).run(driver.poll())
    script(*zip(ASKS, [WIND, AIR, RAIN, STATE], strict=True)).run(driver.poll())

    script(*[(ASKS[0], b"")] * 3).run(driver.poll())


def test_a_model_of_toml_alone_is_asked_and_scaled(script, probe):
    play = script((b"M01\r", b"1 46.5 12.1\r"))

    assert play.run(probe.poll()) == [
        Reading("sand_distance", Decimal("1.965")),
        Reading("supply_voltage", Decimal("12.1")),
    ]
    assert play.timeouts == [0.7]


def test_texts_and_values_for_no_value_are_missing_with_their_reasons(script, probe):
    assert script((b"M01\r", b"1 ERR 99.9\r")).run(probe.poll()) == [
        Reading("sand_distance", None, "no echo"),
        Reading("supply_voltage", None, "not connected"),
    ]
    assert script((b"M01\r", b"1  12.0\r")).run(probe.poll())[0].reason == "no value"


def test_an_answer_that_comes_without_an_end_is_a_bad_frame(script, probe):
    found = script(*[(b"M01\r", b"1 46.5 12.1")] * 3).run(probe.poll())

    assert {one.reason for one in found} == {"bad frame"}


def test_a_letter_in_a_column_gives_the_unit_and_rounding_invents_no_digits():
    talker = LineTalker(parse_model(MAST, "own.toml"), "")

    def line(text):
        return text + b"*%02X" % (sum(text) & 0xFF)

    assert talker.read(line(b"x;36.1;K")) == [Reading("speed", Decimal("10.03"))]
    assert talker.read(line(b"x;5.4;M")) == [Reading("speed", Decimal("5.4"))]
    assert talker.read(line(b"x;5.4;Q")) == [Reading("speed", None, "unknown unit")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"\x02Q,229,002.74,M,00,\x0316", [("speed", "2.74", ""), ("direction", "229", "")]),
        (b"\x02Q,,000.02,M,00,\x032C", [("speed", "0.02", ""), ("direction", None, "calm")]),
    ],
)
def test_a_windsonic_without_direction_is_calm(line, expected):
    assert [
        (one.key, None if one.value is None else str(one.value), one.reason)
        for one in LineTalker(GILL, "Q").read(line)
    ] == expected


def test_a_blocked_windsonic_is_a_fault_and_not_calm():
    found = LineTalker(GILL, "Q").read(b"\x02Q,,,M,04,\x0334")

    assert found == [
        Reading("speed", None, "axes 1 and 2 failed"),
        Reading("direction", None, "axes 1 and 2 failed"),
    ]


def test_a_status_that_nobody_explained_is_given_by_its_code():
    body = b"Q,229,002.74,M,60,"
    seal = 0
    for byte in body:
        seal ^= byte

    found = LineTalker(GILL, "Q").read(b"\x02" + body + b"\x03%02X" % seal)

    assert {(one.value, one.reason) for one in found} == {(None, "status 60")}


def test_an_sr50a_without_a_target_has_no_distance():
    """0.000 is no distance; the sum is 0x03D1 as the manual counts it."""
    model = bundled()["Campbell SR50A, serial"]
    body = b"33;0.000;600;11111;"
    seal = -sum(b"\x02" + body + b"\r\n\x03") & 0xFF

    found = LineTalker(model, "33").read(b"\x03\x02" + body + b"%02X" % seal)

    assert found == [Reading("distance", None, "no echo"), Reading("quality", Decimal(600))]


def test_an_sr50a_set_to_millimetres_is_refused():
    """The manual's own vector: 1838 would be nearly two kilometres."""
    model = bundled()["Campbell SR50A, serial"]

    with pytest.raises(FrameError):
        LineTalker(model, "33").read(b"\x0233;1838;194;11011;2C")


def test_an_error_that_a_talker_tells_is_missing_with_its_reason():
    found = LineTalker(bundled()["Vaisala WXT530, automatic"], "").read(b"0TX,Sync/address error")

    assert {(one.value, one.reason) for one in found} == {(None, "refused by the instrument")}


def test_a_model_that_talks_cannot_be_asked():
    with pytest.raises(ConfigError, match="talks by itself"):
        LineAsker(GILL, "Q")


def test_the_ends_of_several_models_are_collected():
    text = PROBE.replace("[line]", '[line]\nends = "\\u0003"')

    assert ends_of([GILL, parse_model(text, "own.toml")]) == ["\x03"]
