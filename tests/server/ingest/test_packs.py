"""SenML packs as bytes: what is read, what is put into columns, and what is refused."""

import pytest

from server.catalog.resolve import SeriesRef
from server.ingest import packs
from server.ingest.arrays import UnannouncedError
from wire.errors import ContractError
from wire.quality import Flag
from wire.senml import MAX_PACK_BYTES

NOW_MS = 1_767_225_600_000
RAIN = "node-1/gauge/rain"
VWC = "node-1/probe/vwc"
REFS = {
    RAIN: SeriesRef(7, is_derived=False, span=None, derived=()),
    VWC: SeriesRef(8, is_derived=True, span=None, derived=()),
}
UNITS = {7: "mm", 8: "m3/m3"}


def columns(payload: bytes):
    return packs.pieces(packs.read(payload, NOW_MS), REFS, UNITS)


def reason(payload: bytes) -> str:
    with pytest.raises(ContractError) as caught:
        columns(payload)
    return str(caught.value)


@pytest.mark.parametrize(
    "payload",
    [
        b'[{"bn":"node-1/gauge/","n":"rain","u":"mm","t":1767225000,"v":0.2}]',
        b' \n[{"n":"node-1/gauge/rain","u":"m","t":1.767225e9,"v":2e-4}]',
        b'[{"n":"node-1/gauge/rain","t":1767225000,"v":0.2}]',
        # one record of four: 0 name, 1 unit, 6 time, 2 value as the decimal fraction 2 x 10^-1
        bytes.fromhex("81a4 0071") + RAIN.encode() + bytes.fromhex("01626d6d 061a6955b6a8 02c4822002"),
        # the same in an array and a map of unknown length, with a double
        bytes.fromhex("9fbf 0071") + RAIN.encode()
        + bytes.fromhex("01626d6d 061a6955b6a8 02fb3fc999999999999aff ff"),
    ],
)  # fmt: skip
def test_json_and_cbor_give_the_same_column(payload):
    (piece,) = columns(payload)

    assert (piece.datastream_id, piece.time_ms.tolist()) == (7, [1767225000_000])
    assert (piece.value.tolist(), piece.quality.tolist()) == ([0.2], [Flag.PASS])


def test_a_value_is_rounded_once_to_the_nearest_double():
    (piece,) = columns(b'[{"n":"node-1/gauge/rain","u":"km","v":0.0000003}]')

    assert piece.value.tolist() == [0.3]


def test_records_of_one_series_share_a_column_in_order_of_time():
    (piece,) = columns(
        b'[{"bn":"node-1/gauge/","n":"rain","v":3,"t":-10},{"n":"rain","v":1,"t":-30},'
        b'{"n":"rain","u":"cm","v":0.2,"t":-20}]'
    )

    assert piece.value.tolist() == [1.0, 2.0, 3.0]
    assert (piece.time_ms - NOW_MS).tolist() == [-30_000, -20_000, -10_000]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b'"vs":"wet"', "'node-1/gauge/rain' has a text ('vs'): only numbers ('v') are stored"),
        (b'"vb":true', "'node-1/gauge/rain' has a boolean ('vb'): only numbers ('v') are stored"),
        (b'"vd":"aGk"', "'node-1/gauge/rain' has octets ('vd'): only numbers ('v') are stored"),
        (
            b'"s":1',
            "'node-1/gauge/rain' has a sum ('s') without a value: only numbers ('v') are stored",
        ),
        (
            b'"u":"Cel","v":1',
            "'node-1/gauge/rain': cannot convert temperature 'Cel' to length 'mm'",
        ),
        (b'"u":"inch","v":1', "'node-1/gauge/rain': unknown SenML unit 'inch'"),
    ],
)
def test_what_is_no_number_of_the_right_dimension_is_refused_by_name(value, why):
    assert reason(b'[{"n":"node-1/gauge/rain",' + value + b"}]") == why


def test_a_name_that_can_be_no_datastream_is_refused_at_once():
    assert reason(b'[{"n":"urn:dev:ow:10e2073a01080063","v":1}]') == (
        "'urn:dev:ow:10e2073a01080063' names no datastream: write thing/sensor/property, as in "
        "the inventory"
    )


def test_a_series_that_the_server_derives_is_refused():
    assert reason(b'[{"n":"node-1/probe/vwc","v":0.2}]') == (
        "'node-1/probe/vwc' is derived by the server and cannot be sent"
    )


def test_a_name_that_is_not_announced_yet_is_told_apart():
    with pytest.raises(UnannouncedError, match="no inventory has announced 'node-2/gauge/rain'"):
        columns(b'[{"n":"node-2/gauge/rain","v":1}]')


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "neither JSON nor a CBOR array: Input data was truncated"),
        (b"noise", "neither JSON nor a CBOR array: "),
        (b"\xff\xfe", "neither JSON nor a CBOR array: "),
        (b'[{"n":"a","v":NaN}]', "neither JSON nor a CBOR array: "),
        (b"[" * 200_000, "neither JSON nor a CBOR array: "),
        (b"{}", "a SenML pack is a list of records"),
        (b"[]", "a pack holds 1 to 10000 records, not 0"),
        (b"[" + b"0," * 10_000 + b"0]", "a pack holds 1 to 10000 records, not 10001"),
        (b" " * (MAX_PACK_BYTES + 1), "pack of 262145 bytes is over 262144"),
        (b"\x80", "a pack holds 1 to 10000 records, not 0"),
        (b"\x81", "not CBOR as SenML has it: premature end of stream"),
        (b"\x9d", "not CBOR as SenML has it: "),
        (b"\x81" * 200_000, "not CBOR as SenML has it: maximum container nesting depth"),
        (bytes.fromhex("9bffffffffffffffff"), "not CBOR as SenML has it: "),
        (bytes.fromhex("9b0000000fffffffff00"), "not CBOR as SenML has it: "),
        (bytes.fromhex("81bb0000000fffffffff00"), "not CBOR as SenML has it: "),
        (bytes.fromhex("8000"), "the CBOR array is followed by something else"),
        (bytes.fromhex("81a2 00 6161 00 6162"), "not CBOR as SenML has it: error decoding map: Duplicate map key"),
        (bytes.fromhex("81a2 00 6161 02 f97e00"), "record 0: its 'v' is not a finite number"),
        (bytes.fromhex("81a2 00 6161 02 c4821a3b9aca0001"), "not CBOR as SenML has it: "),
        (bytes.fromhex("81a2 00 6161 02 c4821878 01"), "record 0: its 'v' is beyond 10^100"),
        (bytes.fromhex("81a2 00 6161 02 c481 00"), "not CBOR as SenML has it: "),
        (bytes.fromhex("81a2 00 6161 02 c5821a3b9aca0001"), "not CBOR as SenML has it: "),
        (bytes.fromhex("81a2 00 6161 02 c25a00020000") + b"\xff" * 2**17,
         "record 0: its 'v' has over 40 digits"),
        (bytes.fromhex("81a2 00 6161 02 c100"), "not CBOR as SenML has it: "),  # a date
        (bytes.fromhex("81a2 00 6161 02 d823 6161"), "not CBOR as SenML has it: "),  # a regex
        (bytes.fromhex("81a2 00 6161 02 d9ffff00"), "record 0: its 'v' is no number"),  # tag 65535
        (bytes.fromhex("d81c81d81d00"), "neither JSON nor a CBOR array: "),
        (bytes.fromhex("81d81c81d81d00"), "not CBOR as SenML has it: "),  # a cycle
    ],
)  # fmt: skip
def test_bytes_that_are_no_pack_are_refused_with_the_reason(payload, why):
    assert reason(payload).startswith(why)


@pytest.mark.timeout(3)
@pytest.mark.parametrize(
    "payload",
    [
        bytes.fromhex("81a2 00 6161 02 c482 20 c25a0003e800") + b"\xff" * 256_000,
        bytes.fromhex("81a2 00 6161 02 d81e 82 c25a0001f400") + b"\xff" * 128_000
        + bytes.fromhex("c25a0001f400") + b"\xfe" * 128_000,
    ],
    ids=["a decimal fraction", "a ratio"],
)  # fmt: skip
def test_numbers_of_a_million_digits_cost_nothing(payload):
    """As cbor2 reads them they would take seconds of the one thread that stores."""
    assert reason(payload).startswith("not CBOR as SenML has it: ")
