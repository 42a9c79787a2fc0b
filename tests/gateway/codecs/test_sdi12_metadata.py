import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs import sdi12
from gateway.codecs.checksums import ChecksumError
from gateway.codecs.sdi12 import Parameter
from gateway.errors import FrameError

# SDI-12 v1.4, 6.2.4.
RAIN = b"0,PR,mm,precipitation rate per day;\r\n"
AIR = b"0,CU,degrees C,average air temperature,calibration data,40,1235;@|e\r\n"


def test_a_parameter_has_a_code_a_unit_and_more():
    assert sdi12.parse_parameter(RAIN, "0") == Parameter(
        "PR", "mm", ("precipitation rate per day",)
    )


def test_a_parameter_with_crc_is_read_when_it_fits():
    found = sdi12.parse_parameter(AIR, "0", crc=True)

    assert found.unit == "degrees C"
    assert found.more == ("average air temperature", "calibration data", "40", "1235")
    with pytest.raises(ChecksumError):
        sdi12.parse_parameter(AIR.replace(b"1235", b"1236"), "0", crc=True)


def test_no_unit_is_a_space():
    assert sdi12.parse_parameter(b"0,vwc, ;\r\n", "0") == Parameter("vwc", "")


@pytest.mark.parametrize(("reply", "crc"), [(b"0\r\n", False), (b"0AP@\r\n", True)])
def test_a_parameter_that_there_is_not_is_none(reply, crc):
    assert sdi12.parse_parameter(reply, "0", crc=crc) is None


@pytest.mark.parametrize("reply", [b"0,PR;\r\n", b"0PR,mm;\r\n", b"0,PR,mm\r\n", b"0,a;b,c;\r\n"])
def test_what_is_no_parameter_is_refused(reply):
    with pytest.raises(FrameError):
        sdi12.parse_parameter(reply, "0")


@pytest.mark.parametrize(
    ("measurement", "number", "body"),
    [("M", 1, "IM_001"), ("MC9", 9, "IMC9_009"), ("HA", 999, "IHA_999"), ("R0", 12, "IR0_012")],
)
def test_the_command_is_the_measurement_with_a_number(measurement, number, body):
    assert sdi12.parameter_body(measurement, number) == body


@pytest.mark.parametrize("number", [0, 1000])
def test_a_number_that_cannot_be_is_our_own_mistake(number):
    with pytest.raises(ValueError, match="1 to 999"):
        sdi12.parameter_body("M", number)


@given(data=st.binary(max_size=100) | st.from_regex(rb"0,[ -~]{0,40};\r\n", fullmatch=True))
def test_garbage_gives_a_parameter_or_a_frame_error(data):
    try:
        found = sdi12.parse_parameter(data, "0")
    except FrameError:
        return
    assert found is None or isinstance(found.code, str)
