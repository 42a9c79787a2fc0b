from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs import sdi12
from gateway.codecs.checksums import ChecksumError
from gateway.codecs.sdi12 import Announcement, Identity
from gateway.errors import FrameError

# Data and CRC from SDI-12 v1.4, 4.4.8.1, 4.4.12.3, 5.2.2 and 6.2.4.
CRC_VECTORS = [
    (b"0+3.14", b"OqZ"),
    (b"0+3.14+2.718+1.414", b"Ipz"),
    (b"0+1.11+2.22+3.33+4.44+5.55+6.66", b"I]q"),
    (b"0+7.77+8.88+9.99", b"IvW"),
    (b"0+3.14+2.718", b"IWO"),
    (b"0+2.718", b"Gbc"),
    (b"0+1.414", b"GtW"),
    (b"1+1.23+2.34+345+4.4678", b"KoO"),
    (b"0+1.234-4.56+12354-0.00045+2.223+145.5+7.7003+4328.8+9+10+11.433+12", b"Ba]"),
    (b"0", b"AP@"),
    (b"0,CU,degrees C,average air temperature,calibration data,40,1235;", b"@|e"),
    # Recomputed: METER TEROS 12 and SR50A replies.
    (b"0+2038.84+16.1+39", b"Gmq"),
    (b"0+1846.16-3.4+12", b"L|A"),
    (b"1+0.1234+0.045+21.53", b"L[r"),
    (b"0-9999-9999-9999", b"Ler"),
    (b"0+2.345+189", b"OAA"),
]

# A full ATMOS 41 answer to C, seen in the field.
ATMOS = b"0+26+0.000+0+0+0.93+246.3+2.65+11.0+1.18+100.83+0.900+10.8+0.2+1.7+0-0.38-0.86+2.65\r\n"

values = st.decimals(min_value=-99999, max_value=99999, places=2).map(lambda d: d.normalize() + 0)


def text_of(value):
    return f"{value:+f}"


@pytest.mark.parametrize(("data", "crc"), CRC_VECTORS)
def test_crc_text_matches_the_standard(data, crc):
    assert sdi12.crc_text(data) == crc


@pytest.mark.parametrize(
    ("address", "body", "expected"),
    [("0", "", b"0!"), ("?", "", b"?!"), ("a", "M", b"aM!"), ("Z", "CC1", b"ZCC1!")],
)
def test_a_command_is_address_body_and_exclamation_mark(address, body, expected):
    assert sdi12.command(address, body) == expected


@pytest.mark.parametrize(
    ("reply", "digits", "expected"),
    [
        (b"00001\r\n", 1, Announcement(0, 1)),
        (b"00053\r\n", 1, Announcement(5, 3)),
        (b"00359\r\n", 1, Announcement(35, 9)),
        (b"004512\r\n", 2, Announcement(45, 12)),
        (b"000000\r\n", 2, Announcement(0, 0)),
        (b"0045012\r\n", 3, Announcement(45, 12)),
    ],
)
def test_an_announcement_gives_seconds_and_number_of_values(reply, digits, expected):
    assert sdi12.parse_announcement(reply, "0", digits=digits) == expected


@pytest.mark.parametrize(
    "reply", [b"0001\r\n", b"000531\r\n", b"0+3.14\r\n", b"0\r\n", b"0 053\r\n"]
)
def test_what_is_no_announcement_is_refused(reply):
    with pytest.raises(FrameError):
        sdi12.parse_announcement(reply, "0")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"0+3.14\r\n", ["3.14"]),
        (b"0+2038.84+16.1+39\r\n", ["2038.84", "16.1", "39"]),
        (b"0+1846.16-3.4+12\r\n", ["1846.16", "-3.4", "12"]),
        (b"0-.5+7.\r\n", ["-0.5", "7"]),
        (b"0+1234567-0.000001\r\n", ["1234567", "-0.000001"]),
        (b"0\r\n", []),
    ],
)
def test_values_are_read_as_the_decimals_that_were_printed(reply, expected):
    assert sdi12.parse_values(reply, "0") == [Decimal(one) for one in expected]


def test_the_field_sample_of_an_atmos_41_has_18_values():
    found = sdi12.parse_values(ATMOS, "0")

    assert len(found) == 18
    assert found[9] == Decimal("100.83")


@pytest.mark.parametrize(
    "reply",
    [
        b"03.14\r\n",  # no sign
        b"0+12345678\r\n",  # eight digits
        b"0+123456.78\r\n",  # eight digits with a point
        b"0+1.2.3\r\n",
        b"0+\r\n",
        b"0+3.14",  # cut short
        b"0+3\xff14\r\n",
        b"0+1e5\r\n",
        b"0" + b"+1.0" * 38 + b"\r\n",  # over 150 characters
    ],
)
def test_what_is_no_list_of_values_is_refused(reply):
    with pytest.raises(FrameError):
        sdi12.parse_values(reply, "0")


def test_a_reply_of_another_address_is_refused():
    with pytest.raises(FrameError, match="sensor '0'"):
        sdi12.parse_values(b"1+3.14\r\n", "0")


@pytest.mark.parametrize(("data", "crc"), [one for one in CRC_VECTORS if b"," not in one[0]])
def test_values_with_a_right_crc_are_read(data, crc):
    address = data[:1].decode()

    assert sdi12.parse_values(data + crc + b"\r\n", address, crc=True) == sdi12.parse_values(
        data + b"\r\n", address
    )


def test_values_with_a_wrong_crc_are_a_checksum_error():
    with pytest.raises(ChecksumError):
        sdi12.parse_values(b"0+3.15OqZ\r\n", "0", crc=True)


def test_values_without_their_crc_are_a_frame_error():
    with pytest.raises(FrameError):
        sdi12.parse_values(b"0+1\r\n", "0", crc=True)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            b"014METER   TER12 400T12-00001\r\n",
            Identity("14", "METER", "TER12", "400", "T12-00001"),
        ),
        (b"013CAMPBELLSR50A 101\r\n", Identity("13", "CAMPBELL", "SR50A", "101", "")),
        (b"014METER   TER12 400Wow!Wow!\r\n", Identity("14", "METER", "TER12", "400", "Wow!Wow!")),
    ],
)
def test_an_identification_is_read_by_its_columns(reply, expected):
    assert sdi12.parse_identity(reply, "0") == expected


@pytest.mark.parametrize("reply", [b"0\r\n", b"014METER\r\n", b"0xxMETER   TER12 400\r\n"])
def test_what_is_no_identification_is_refused(reply):
    with pytest.raises(FrameError):
        sdi12.parse_identity(reply, "0")


def test_an_identity_knows_its_catalogue_entry():
    teros = Identity("14", "METER", "TER12", "400", "")

    assert teros.is_a("METER   TER12")
    assert not teros.is_a("METER   ATM41")


def test_the_wildcard_reply_is_the_address():
    assert sdi12.parse_address(b"z\r\n") == "z"


@pytest.mark.parametrize("reply", [b"", b"\r\n", b"0013\r\n", b"#\r\n"])
def test_what_is_no_address_is_refused(reply):
    with pytest.raises(FrameError):
        sdi12.parse_address(reply)


def test_fed_byte_by_byte_a_reply_ends_with_its_line():
    reply = b"0+2038.84+16.1+39\r\n"
    lengths = [sdi12.reply_length(reply[:n], "0") for n in range(len(reply) + 1)]

    assert lengths == [0] * len(reply) + [len(reply)]


@pytest.mark.parametrize(
    "before",
    [
        b"\x07",
        b"\x00\xff\xfe",
        b"\r\n",
        b"#!?\r\n",
        b"7+1.5\r\n",
        b"0D0!",
        b"\x070D0!",
        b"0D0!\r\n",
        b"\t2493.4 27.8 22\rgDb",  # METER: what a TEROS 12 says at power-up
        b"\x00\t2493.4 27.8\rhDb",
    ],
)
def test_noise_other_lines_and_an_echo_before_a_reply_are_passed_over(before):
    buffer = before + b"0+3.14\r\n"

    assert sdi12.reply_length(buffer, "0") == len(buffer)
    assert sdi12.parse_values(buffer, "0") == [Decimal("3.14")]


def test_what_follows_a_reply_is_left_alone():
    assert sdi12.reply_length(b"00013\r\n0\r\nxyz", "0") == 7


def test_an_address_within_another_sensors_reply_is_no_reply():
    """Sensor 1's values hold a 0: they must not pass for sensor 0's."""
    assert sdi12.reply_length(b"1+16.10+39\r\n", "0") == 0


def test_a_service_request_is_the_address_alone():
    assert sdi12.service_request_length(b"00013\r\n0\r\n", "0") == 10
    assert sdi12.service_request_length(b"00013\r\n", "0") == 0
    assert sdi12.service_request_length(b"1\r\n", "0") == 0


@pytest.mark.parametrize(
    ("reply", "spoke"),
    [
        (b"0001", True),
        (b"\x07000x3\r\n", True),
        (b"", False),
        (b"10013\r\n", False),
        (b"0M!", False),
    ],
)
def test_a_damaged_reply_still_tells_whether_the_sensor_spoke(reply, spoke):
    assert sdi12.spoke(reply, "0") is spoke


@given(address=st.sampled_from(sdi12.ADDRESSES), sent=st.lists(values, max_size=7))
def test_values_come_out_as_they_went_in(address, sent):
    data = (address + "".join(map(text_of, sent))).encode()

    assert sdi12.parse_values(data + b"\r\n", address) == sent
    assert sdi12.parse_values(data + sdi12.crc_text(data) + b"\r\n", address, crc=True) == sent


@given(
    data=st.binary(max_size=120) | st.from_regex(rb"0[0-9+.\-]{0,40}\r\n", fullmatch=True),
    address=st.sampled_from("01az?"),
)
def test_garbage_never_raises_anything_but_frame_error(data, address):
    for parse in (
        sdi12.parse_announcement,
        sdi12.parse_values,
        lambda reply, who: sdi12.parse_values(reply, who, crc=True),
        sdi12.parse_identity,
        lambda reply, _: sdi12.parse_address(reply),
    ):
        try:
            parse(data, address)
        except FrameError:
            continue


@given(data=st.binary(max_size=120))
def test_a_length_is_never_past_the_buffer(data):
    assert 0 <= sdi12.reply_length(data, "0") <= len(data)
    assert 0 <= sdi12.service_request_length(data, "0") <= len(data)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"0+3.14\r\n", True),
        (b"0+3.14OqZ\r\n", False),
        (b"0+3.14Oq7\r\n", False),
        (b"0\r\n", False),
        (b"0+3.14", False),
        (b"", False),
    ],
)
def test_a_whole_reply_without_a_crc_is_recognised(reply, expected):
    assert sdi12.is_without_crc(reply, "0") is expected


@pytest.mark.parametrize(("reply", "address"), [(b"0\r\n", "0"), (b"\x07z\r\n", "z")])
def test_an_acknowledgement_is_the_address_alone(reply, address):
    sdi12.parse_acknowledge(reply, address)


@pytest.mark.parametrize("reply", [b"", b"1\r\n", b"00013\r\n"])
def test_what_is_no_acknowledgement_is_refused(reply):
    with pytest.raises(FrameError):
        sdi12.parse_acknowledge(reply, "0")


WHOLE = [data + crc + b"\r\n" for data, crc in CRC_VECTORS if b"," not in data]


@pytest.mark.parametrize("reply", WHOLE)
def test_fed_byte_by_byte_with_noise_before_and_after_a_reply_with_crc_is_found(reply):
    address = reply[:1].decode()
    before, after = b"\x00\xff\x07", b"\x00junk"
    fed = before + reply + after
    lengths = [sdi12.reply_length(fed[:n], address) for n in range(len(fed) + 1)]
    whole = len(before) + len(reply)

    assert lengths == [0] * whole + [whole] * (len(after) + 1)
    assert sdi12.parse_values(fed[:whole], address, crc=True) is not None


@given(
    reply=st.sampled_from(WHOLE),
    at=st.integers(0, 60),
    bit=st.integers(0, 7),
)
def test_a_turned_bit_never_yields_a_value(reply, at, bit):
    at %= len(reply)
    bent = bytearray(reply)
    bent[at] ^= 1 << bit
    address = reply[:1].decode()
    try:
        found = sdi12.parse_values(bytes(bent), address, crc=True)
    except FrameError:
        return
    assert found == sdi12.parse_values(reply, address, crc=True)
