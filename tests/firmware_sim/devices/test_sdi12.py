"""SDI-12 version 1.4, the sensors' side."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.devices.meter import Atmos41, Teros12
from firmware_sim.devices.sdi12 import Sdi12Bus, Sensor, crc_text, value_text
from firmware_sim.faults import Ailments, Fault, FaultKind

NOW = 1_795_000_000.0


class Scripted:
    """An instrument that prints what the test wants."""

    identity = "SAXAUL  TEST  001"

    def __init__(self, texts, measure_s=0.0, sets=None):
        everything = tuple(range(1, len(texts) + 1))
        self.sets = sets or {"M": everything}
        self.measure_s = measure_s
        self.texts = texts
        self.reads = []

    def read(self, positions, now):
        self.reads.append((tuple(positions), now))
        return [self.texts[position - 1] for position in positions]


class Line:
    """A bus driven by hand: commands in, replies out, at a time the test sets."""

    def __init__(self, *sensors):
        self.bus = Sdi12Bus(sensors)
        self.now = NOW
        self.answers = []

    def ask(self, command):
        return self._texts(self.bus.receive(command.encode(), self.now))

    def wait(self, seconds):
        """Let time pass; gives what the sensors send on their own, with the delay after NOW."""
        end, heard = self.now + seconds, []
        while (at := self.bus.wake_at(self.now)) is not None and at <= end:
            self.now = max(self.now, at)
            heard += self._texts(self.bus.wake(self.now))
        self.now = end
        return heard

    def _texts(self, sends):
        self.answers += [send.answer for send in sends if send.answer]
        return [send.data.decode() for send in sends]


@pytest.fixture
def scripted(set_up):
    def build(texts, measure_s=0.0, address="0", **values):
        setup = set_up("METER TEROS 12", address=address, **values)
        return Sensor(setup, Scripted(texts, measure_s))

    return build


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        ("0+3.14", "OqZ"),
        ("0+3.14+2.718+1.414", "Ipz"),
        ("0+1.11+2.22+3.33+4.44+5.55+6.66", "I]q"),
        ("0+7.77+8.88+9.99", "IvW"),
        ("0+3.14+2.718", "IWO"),
        ("0+2.718", "Gbc"),
        ("0+1.414", "GtW"),
        ("1+1.23+2.34+345+4.4678", "KoO"),
        ("0+1.234-4.56+12354-0.00045+2.223+145.5+7.7003+4328.8+9+10+11.433+12", "Ba]"),
        ("0", "AP@"),
        ("0,CU,degrees C,average air temperature,calibration data,40,1235;", "@|e"),
    ],
)
def test_crc_vectors_of_the_standard(data, crc):
    assert crc_text(data) == crc


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(2038.84, 2, "+2038.84"), (-3.44, 1, "-3.4"), (0.0, 0, "+0"), (-0.04, 1, "+0.0")],
)
def test_a_value_always_has_its_sign_and_nought_is_positive(value, decimals, text):
    assert value_text(value, decimals) == text


def test_a_value_at_once_needs_no_service_request(scripted):
    line = Line(scripted(["+3.14"]))
    assert line.ask("0M!") == ["00001\r\n"]
    assert line.wait(2.0) == []
    assert line.ask("0D0!") == ["0+3.14\r\n"]


def test_a_service_request_comes_within_the_time_announced(scripted):
    line = Line(scripted(["+3.14", "+2.718", "+1.414"], measure_s=4.2))
    assert line.ask("0M!") == ["00053\r\n"]
    assert line.wait(4.0) == []
    assert line.wait(1.0) == ["0\r\n"]
    assert line.ask("0D0!") == ["0+3.14+2.718+1.414\r\n"]


def test_values_that_do_not_fit_one_reply_are_paged(scripted):
    """Nine values of five characters: seven make 35 characters, the other two come with D1."""
    values = ["+1.11", "+2.22", "+3.33", "+4.44", "+5.55", "+6.66", "+7.77", "+8.88", "+9.99"]
    line = Line(scripted(values, measure_s=34.5))
    assert line.ask("0M!") == ["00359\r\n"]
    assert line.wait(36.0) == ["0\r\n"]
    assert line.ask("0D0!") == ["0+1.11+2.22+3.33+4.44+5.55+6.66+7.77\r\n"]
    assert line.ask("0D1!") == ["0+8.88+9.99\r\n"]
    assert line.ask("0D2!") == ["0\r\n"]


def test_concurrent_measurements_with_crc_interleave(scripted):
    twelve = [
        "+1.234",
        "-4.56",
        "+12354",
        "-0.00045",
        "+2.223",
        "+145.5",
        "+7.7003",
        "+4328.8",
        "+9",
        "+10",
        "+11.433",
        "+12",
    ]
    four = ["+1.23", "+2.34", "+345", "+4.4678"]
    line = Line(scripted(twelve, 44.5), scripted(four, 14.5, address="1", name="dune-1/other"))
    assert line.ask("0CC!") == ["004512\r\n"]
    assert line.ask("1CC!") == ["101504\r\n"]
    assert line.wait(16.0) == []
    assert line.ask("1D0!") == ["1+1.23+2.34+345+4.4678KoO\r\n"]
    assert line.wait(31.0) == []
    assert line.ask("0D0!") == [
        "0+1.234-4.56+12354-0.00045+2.223+145.5+7.7003+4328.8+9+10+11.433+12Ba]\r\n"
    ]


def test_data_asked_for_too_early_abort_the_measurement(scripted):
    line = Line(scripted(["+3.14"], measure_s=0.9))
    line.ask("0M!")
    assert line.ask("0D0!") == ["0\r\n"]
    assert line.wait(3.0) == []
    assert line.ask("0D0!") == ["0\r\n"]


def test_an_aborted_measurement_with_crc_answers_with_the_crc_of_its_address(scripted):
    line = Line(scripted(["+3.14"], measure_s=0.9))
    line.ask("0MC!")
    assert line.ask("0D0!") == ["0AP@\r\n"]


def test_a_break_for_another_sensor_aborts_a_measurement_that_awaits_its_service_request(scripted):
    line = Line(scripted(["+3.14"], 0.9), scripted(["+1"], address="1"))
    line.ask("0M!")
    line.ask("1!")
    assert line.wait(3.0) == []
    assert line.ask("0D0!") == ["0\r\n"]


def test_a_concurrent_measurement_bears_talk_with_others(scripted):
    line = Line(scripted(["+3.14"], 0.9), scripted(["+1"], address="1"))
    line.ask("0C!")
    line.ask("1!")
    line.wait(1.5)
    assert line.ask("0D0!") == ["0+3.14\r\n"]


def test_a_concurrent_measurement_is_aborted_by_a_command_to_its_own_sensor(scripted):
    line = Line(scripted(["+3.14"], 0.9))
    line.ask("0C!")
    line.ask("0!")
    line.wait(1.5)
    assert line.ask("0D0!") == ["0\r\n"]


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("0!", "0\r\n"),
        ("?!", "0\r\n"),
        ("0I!", "014SAXAUL  TEST  001A-77\r\n"),
        ("0M5!", "00000\r\n"),
        ("0C5!", "000000\r\n"),
        ("0V!", "00000\r\n"),
        ("0R0!", "0+3.14\r\n"),
        ("0RC0!", "0+3.14OqZ\r\n"),
        ("0R3!", "0\r\n"),
        ("0RC3!", "0AP@\r\n"),
        ("0HB!", "0000000\r\n"),
        ("0IM!", "00001\r\n"),
        ("0IMC!", "00001\r\n"),
        ("0IC!", "000001\r\n"),
        ("0IHA!", "0000001\r\n"),
        ("0IV!", "00000\r\n"),
        ("0IM_001!", "0,vwc_raw,{raw};\r\n"),
        ("0IM_002!", "0\r\n"),
        ("0IMC_002!", "0AP@\r\n"),
        ("0IHA_000!", "0AP@\r\n"),
        ("0IR0_001!", "0,vwc_raw,{raw};\r\n"),
        ("\r\n0!", "0\r\n"),
    ],
)
def test_commands_that_start_nothing(scripted, command, reply):
    assert Line(scripted(["+3.14"], serial="A-77")).ask(command) == [reply]


@pytest.mark.parametrize(
    "command",
    [
        "1!",
        "1M!",
        "0Q!",
        "0M",
        "0MM!",
        "!",
        "00!",
        "\xff!",
        "0D!",
        "0D01!",
        "0DB0!",
        "0IR0!",
        "0IM_1!",
        "0M_001!",
    ],
)
def test_silence_for_other_addresses_and_for_what_is_no_command(scripted, command):
    line = Line(scripted(["+3.14"]))
    assert line.bus.receive(command.encode("latin-1"), NOW) == []


def test_commands_may_come_byte_by_byte(scripted):
    line = Line(scripted(["+3.14"]))
    assert [line.ask(char) for char in "0M!"] == [[], [], ["00001\r\n"]]


def test_an_address_can_be_changed(scripted):
    line = Line(scripted(["+3.14"]))
    assert line.ask("0A7!") == ["7\r\n"]
    assert line.ask("0!") == []
    assert line.ask("7!") == ["7\r\n"]


def test_two_sensors_answering_the_wildcard_collide(scripted):
    """'1' and '2' at once read as '0': an address where nobody is."""
    line = Line(scripted(["+1"], address="1"), scripted(["+1"], address="2"))
    assert line.ask("?!") == ["0\r\n"]


def test_an_m_reply_counts_nine_values_at_most(set_up):
    instrument = Scripted(["+1"] * 12)
    line = Line(Sensor(set_up("METER TEROS 12", address="0"), instrument))
    assert line.ask("0M!") == ["00009\r\n"]
    assert line.ask("0C!") == ["000012\r\n"]


def test_an_aborted_measurement_is_never_taken(set_up):
    """What was not measured was not consumed either."""
    instrument = Scripted(["+1"], measure_s=0.9)
    line = Line(Sensor(set_up("METER TEROS 12", address="0"), instrument))
    line.ask("0M!")
    line.ask("0!")
    line.wait(5.0)
    assert instrument.reads == []


def test_asking_for_the_same_data_again_measures_nothing_new(set_up):
    instrument = Scripted(["+1"])
    line = Line(Sensor(set_up("METER TEROS 12", address="0"), instrument))
    line.ask("0M!")
    assert line.ask("0D0!") == line.ask("0D0!") == ["0+1\r\n"]
    assert len(instrument.reads) == 1


def test_a_data_reply_carries_its_answer_by_property(set_up):
    line = Line(Sensor(set_up("METER TEROS 12", address="0"), Scripted(["+2038.84", "-9999"])))
    line.ask("0M!")
    line.ask("0D0!")
    (answer,) = line.answers
    assert (answer.device, answer.kind) == ("dune-1/sensor", "answer")
    assert answer.values == {"vwc_raw": Decimal("2038.84")}
    assert answer.reasons == {"soil_temperature": "measurement compromised"}


def test_a_page_without_anything_of_the_catalogue_is_no_answer(set_up):
    """A gust said twice, as the ATMOS 41 does at position 18, is not to be stored again."""
    line = Line(Sensor(set_up("METER TEROS 12", address="0"), Scripted(["+1"] * 36)))
    line.ask("0C!")
    assert line.ask("0D0!") == ["0" + "+1" * 36 + "\r\n"]
    assert set(line.answers[0].values) == {"vwc_raw", "soil_temperature", "soil_ec"}
    line = Line(Sensor(set_up("METER TEROS 12", address="0"), Scripted(["+1.23456"] * 10)))
    line.ask("0C!")
    line.ask("0D1!")
    assert line.answers == []


def test_pages_of_a_whole_station_carry_each_their_part(set_up):
    sensor = Sensor(set_up("METER ATMOS 41", address="4"), Atmos41(set_up("METER ATMOS 41")))
    line = Line(sensor)
    assert line.ask("4C!") == ["400118\r\n"]
    line.wait(1.5)
    first, second = line.ask("4D0!"), line.ask("4D1!")
    assert len(first[0]) <= 1 + 75 + 2
    assert (first[0] + second[0]).count("+") + (first[0] + second[0]).count("-") == 18
    model = set_up("METER ATMOS 41").model
    assert {key for answer in line.answers for key in answer.values} == {
        field.property for field in model.field
    }


@given(st.lists(st.binary(max_size=12), max_size=8))
def test_noise_never_breaks_the_bus(chunks):
    """Whatever comes, the bus neither raises nor hoards; a command after a clean end mark works."""
    from wire.catalogue import bundled

    class Nowhere:
        def soil(self, time_s, depth_m, spot=""):
            raise AssertionError("noise must not measure")

    from firmware_sim.devices.base import Setup

    model = bundled()["METER TEROS 12"]
    setup = Setup("a/b", model, Nowhere(), address="~")
    bus = Sdi12Bus([Sensor(setup, Teros12(setup))])
    for chunk in chunks:
        assert bus.receive(chunk, NOW) == [] or b"!" in b"".join(chunks)


def test_asking_about_a_measurement_takes_none(set_up):
    instrument = Scripted(["+1", "+2"], measure_s=2.0)
    line = Line(Sensor(set_up("METER TEROS 12", address="0"), instrument))
    assert line.ask("0IM!") == ["00022\r\n"]
    assert line.wait(5.0) == []
    assert instrument.reads == []


def test_parameters_of_a_measurement_with_crc_have_theirs(scripted):
    (reply,) = Line(scripted(["+1", "+2"])).ask("0ICC_002!")
    text, crc = reply[:-5], reply[-5:-2]
    assert text == "0,TS,Cel;"
    assert crc == crc_text(text)


def test_a_high_volume_measurement_is_paged_with_crc_beyond_ten(set_up):
    """5.1: `aHA!` announces with three digits, and D10 follows D9."""
    texts = ["+1.23456"] * 120
    line = Line(Sensor(set_up("METER TEROS 12", address="0"), Scripted(texts)))
    assert line.ask("0HA!") == ["0000120\r\n"]
    pages = [line.ask(f"0D{n}!")[0] for n in range(14)]
    assert [page.count("+") for page in pages] == [9] * 13 + [3]
    assert all(page[-5:-2] == crc_text(page[:-5]) for page in pages)
    assert line.ask("0D14!") == ["0AP@\r\n"]


def test_a_high_volume_measurement_bears_talk_with_others(scripted):
    line = Line(scripted(["+3.14"], 0.9), scripted(["+1"], address="1"))
    line.ask("0HA!")
    line.ask("1!")
    line.wait(1.5)
    assert line.ask("0D0!") == ["0+3.14OqZ\r\n"]


def test_an_adapter_that_wants_a_carriage_return_waits_for_it(scripted):
    bus = Sdi12Bus([scripted(["+1"])], wants_cr=True)
    assert bus.receive(b"0!", NOW) == []
    assert [send.data for send in bus.receive(b"\r", NOW)] == [b"0\r\n"]


# ---------------------------------------------------------------- faults


def ill(kind, **more):
    return {"faults": Ailments([Fault(kind=FaultKind(kind), **more)], NOW)}


def test_an_absent_sensor_hears_nothing_until_it_is_there(scripted):
    line = Line(scripted(["+1"], **ill("absent", after_s=10, for_s=20)))
    assert line.ask("0!") == ["0\r\n"]
    line.wait(10)
    assert line.ask("0!") == line.ask("?!") == []
    line.wait(20)
    assert line.ask("0!") == ["0\r\n"]


def test_a_sensor_that_was_away_has_forgotten_its_measurement(scripted):
    line = Line(scripted(["+1"], 0.5, **ill("absent", after_s=1, for_s=1)))
    line.ask("0M!")
    line.wait(1.2)
    line.ask("0!")
    line.wait(2)
    assert line.ask("0D0!") == ["0\r\n"]


def test_a_late_answer_is_late(scripted):
    sensor = scripted(["+1"], **ill("late", by_s=3.0))
    (late,) = Sdi12Bus([sensor]).receive(b"0!", NOW)
    (usual,) = Sdi12Bus([scripted(["+1"])]).receive(b"0!", NOW)
    assert late.delay_s == pytest.approx(usual.delay_s + 3.0)


def test_the_first_command_after_a_pause_goes_unheard(scripted):
    line = Line(scripted(["+1"], **ill("deaf_when_idle")))
    assert line.ask("0!") == []
    assert line.ask("0!") == ["0\r\n"]
    line.wait(6)
    assert line.ask("0!") == []


def test_an_answer_with_another_address_carries_nothing(scripted):
    line = Line(scripted(["+1"], **ill("wrong_address")))
    assert line.ask("0R0!") == ["1+1\r\n"]
    assert line.answers == []


def test_fewer_values_come_than_were_announced(scripted):
    line = Line(scripted(["+1", "+2"], **ill("fewer_values")))
    assert line.ask("0M!") == ["00002\r\n"]
    assert line.ask("0D0!") == ["0+1\r\n"]
    assert line.ask("0D1!") == ["0\r\n"]
    assert set(line.answers[0].values) == {"vwc_raw"}


def test_a_stray_byte_goes_before_the_answer(scripted):
    assert Line(scripted(["+1"], **ill("garbage"))).ask("0!") == ["\x070\r\n"]


def test_a_service_request_may_never_come_and_the_data_are_there(scripted):
    line = Line(scripted(["+1"], 0.5, **ill("no_service_request")))
    assert line.ask("0M!") == ["00011\r\n"]
    assert line.wait(2) == []
    assert line.ask("0D0!") == ["0+1\r\n"]


def test_a_meter_sensor_says_its_string_once_when_it_gets_power(set_up):
    setup = set_up("METER TEROS 12", address="0", **ill("power_up", after_s=5))
    line = Line(Sensor(setup, Teros12(setup)))
    line.ask("0M!")
    line.wait(4)
    (said,) = line.wait(20)
    assert said.startswith("\t2527.97 -9.7 39\rg")
    assert line.ask("0D0!") == ["0\r\n"]
