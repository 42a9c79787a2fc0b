"""SenML packs: the examples of RFC 8428, its rules one by one, and nothing but ContractError."""

from contextlib import suppress
from decimal import Decimal

import cbor2
import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wire import senml
from wire.errors import ContractError
from wire.senml import Kind, Record, resolve

NOW_MS = 1_767_225_600_000
LABELS = {
    "bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6,
    "n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "s": 5, "t": 6, "ut": 7, "vd": 8,
}  # fmt: skip

MEASUREMENTS = b"""[
  {"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,
   "n":"voltage","u":"V","v":120.1},
  {"n":"current","t":-5,"v":1.2},
  {"n":"current","t":-4,"v":1.3},
  {"n":"current","t":-3,"v":1.4},
  {"n":"current","t":-2,"v":1.5},
  {"n":"current","t":-1,"v":1.6},
  {"n":"current","v":1.7}
]"""
# The same, written down by hand: 0x87 an array of seven, 0xa7 a map of seven, keys -2 (0x21) on.
MEASUREMENTS_CBOR = bytes.fromhex(
    "87"
    "a7 21 781b75726e3a6465763a6f773a3130653230373361303130383030363a"
    "   22 fb41d303a15b00106223 6141 20 05 00 67766f6c74616765 01 6156 02 fb405e066666666666"
    "a3 00 6763757272656e74 06 24 02 fb3ff3333333333333"
    "a3 00 6763757272656e74 06 23 02 fb3ff4cccccccccccd"
    "a3 00 6763757272656e74 06 22 02 fb3ff6666666666666"
    "a3 00 6763757272656e74 06 21 02 f93e00"
    "a3 00 6763757272656e74 06 20 02 fb3ff999999999999a"
    "a3 00 6763757272656e74 06 00 02 fb3ffb333333333333"
)


def json(text: bytes | str) -> object:
    return msgspec.json.Decoder(float_hook=Decimal).decode(text)


def twin(records: list[dict]) -> object:
    """The same pack as a CBOR node would have sent it."""
    return cbor2.loads(
        cbor2.dumps([{LABELS.get(k, k): v for k, v in record.items()} for record in records])
    )


def one(*fields: dict, now_ms: int = NOW_MS) -> Record:
    return resolve(list(fields), now_ms).records[-1]


def reason(*fields: object) -> str:
    with pytest.raises(ContractError) as caught:
        resolve(list(fields), NOW_MS)
    return str(caught.value)


def test_rfc_5_1_1_single_data_point():
    pack = resolve(json('[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]'), NOW_MS)

    assert pack.records == [
        Record("urn:dev:ow:10e2073a01080063", NOW_MS, "Cel", Kind.NUMBER, Decimal("23.1"))
    ]
    assert pack.is_relative


def test_rfc_5_1_2_multiple_data_points():
    pack = resolve(
        json(
            '[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},'
            '{"n":"current","u":"A","v":1.2}]'
        ),
        NOW_MS,
    )

    assert [(r.name, r.unit, r.value) for r in pack.records] == [
        ("urn:dev:ow:10e2073a01080063:voltage", "V", Decimal("120.1")),
        ("urn:dev:ow:10e2073a01080063:current", "A", Decimal("1.2")),
    ]


@pytest.mark.parametrize("records", [json(MEASUREMENTS), cbor2.loads(MEASUREMENTS_CBOR)])
def test_rfc_5_1_2_with_times_in_json_and_cbor(records):
    """Base name, time, unit and version; sorted by time; a unit of its own only for one record."""
    pack = resolve(records, NOW_MS)

    assert [(r.time_ms, r.name[27:], r.unit, str(r.value)) for r in pack.records] == [
        (1276020071001, "current", "A", "1.2"),
        (1276020072001, "current", "A", "1.3"),
        (1276020073001, "current", "A", "1.4"),
        (1276020074001, "current", "A", "1.5"),
        (1276020075001, "current", "A", "1.6"),
        (1276020076001, "voltage", "V", "120.1"),
        (1276020076001, "current", "A", "1.7"),
    ]
    assert not pack.is_relative


def test_rfc_5_1_3_multiple_measurements():
    pack = resolve(
        json(
            '[{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},'
            '{"u":"lon","v":24.30621},{"u":"lat","v":60.07965},{"t":60,"v":20.3},'
            '{"u":"lon","t":60,"v":24.30622},{"u":"lat","t":60,"v":60.07965},{"t":120,"v":20.7},'
            '{"u":"%EL","t":150,"v":98}]'
        ),
        NOW_MS,
    )

    assert {record.name for record in pack.records} == {"urn:dev:ow:10e2073a01080063"}
    assert [(r.time_ms // 1000 - 1320067464, r.unit, str(r.value)) for r in pack.records] == [
        (0, "%RH", "20"), (0, "lon", "24.30621"), (0, "lat", "60.07965"),
        (60, "%RH", "20.3"), (60, "lon", "24.30622"), (60, "lat", "60.07965"),
        (120, "%RH", "20.7"), (150, "%EL", "98"),
    ]  # fmt: skip


def test_rfc_multiple_data_types():
    pack = resolve(
        json(
            '[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},'
            '{"n":"label","vs":"Machine Room"},{"n":"open","vb":false},'
            '{"n":"nfc-reader","vd":"aGkgCg"}]'
        ),
        NOW_MS,
    )

    assert [(r.kind, r.value) for r in pack.records] == [
        (Kind.NUMBER, Decimal("23.1")), (Kind.TEXT, "Machine Room"), (Kind.BOOLEAN, False),
        (Kind.DATA, "aGkgCg"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, NOW_MS),
        (-5, NOW_MS - 5000),
        (60, NOW_MS + 60_000),
        (Decimal("-0.25"), NOW_MS - 250),
        (268435455, NOW_MS + 268435455_000),
        (268435456, 268435456_000),
        (Decimal("1320067464.0015"), 1320067464002),
        (1e9, 10**12),
    ],
)
def test_a_time_below_2_to_the_28_counts_from_now(seconds, expected):
    assert one({"n": "a", "t": seconds, "v": 1}).time_ms == expected


def test_base_and_own_time_are_added_before_they_are_told_apart():
    assert one({"n": "a", "bt": 1320067464, "t": -30, "v": 1}).time_ms == 1320067434000
    assert one({"n": "a", "bt": -60, "t": 10, "v": 1}).time_ms == NOW_MS - 50_000


def test_base_fields_hold_until_they_are_changed():
    pack = resolve(
        [
            {"bn": "x/", "bu": "Cel", "bv": 20, "bs": 5, "n": "a", "v": 1, "s": 2},
            {"n": "b", "v": Decimal("0.1")},
            {"bn": "y/", "bv": 0, "bu": "", "n": "c", "v": 3},
            {"n": "d", "s": 1},
        ],
        NOW_MS,
    )

    assert [(r.name, r.unit, r.kind, r.value, r.sum) for r in pack.records] == [
        ("x/a", "Cel", Kind.NUMBER, Decimal(21), Decimal(7)),
        ("x/b", "Cel", Kind.NUMBER, Decimal("20.1"), Decimal(5)),
        ("y/c", "", Kind.NUMBER, Decimal(3), Decimal(5)),
        ("y/d", "", Kind.SUM_ONLY, None, Decimal(6)),
    ]


def test_a_sum_of_base_and_value_is_exact():
    record = one({"bv": 10**20, "n": "a", "v": Decimal("0.00000000000000001")})

    assert str(record.value) == "100000000000000000000.00000000000000001"


def test_labels_that_need_not_be_understood_are_passed_over():
    assert one({"n": "a", "v": 1, "ut": 60, "x": 1, -99: 2, 2.5: 3}).value == 1


def test_the_version_with_secondary_units_is_read():
    assert one({"bver": 26, "n": "a", "u": "hPa", "v": 1}).unit == "hPa"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"n": "a", "v": 1, "x_": 2}, "its label 'x_' must be understood and is not known"),
        ({"bver": 11, "n": "a", "v": 1}, "SenML version 11 is not known; we read 10"),
        ({"bver": 10**5000, "n": "a", "v": 1}, "SenML version of that size is not known; we read 10"),
        ({"bver": 0, "n": "a", "v": 1}, "its 'bver' is no positive integer"),
        ({"bver": True, "n": "a", "v": 1}, "its 'bver' is no positive integer"),
        ({"n": "a"}, "it has 0 of the values v, vs, vb, vd; one is needed"),
        ({"n": "a", "v": 1, "vb": True}, "it has 2 of the values v, vs, vb, vd; one is needed"),
        ({"n": "a", "v": True}, "its 'v' is no number"),
        ({"n": "a", "v": "1"}, "its 'v' is no number"),
        ({"n": "a", "v": None}, "its 'v' is no number"),
        ({"n": "a", "vs": 1}, "its 'vs' is of the wrong type"),
        ({"n": "a", "vb": 1}, "its 'vb' is of the wrong type"),
        ({"n": "a", "vd": 1}, "its 'vd' is of the wrong type"),
        ({"n": 1, "v": 1}, "its 'n' is no text"),
        ({"n": "a", "u": 1, "v": 1}, "its 'u' is no text"),
        ({"n": "a", "t": "now", "v": 1}, "its 't' is no number"),
        ({"n": "a", "v": float("nan")}, "its 'v' is not a finite number"),
        ({"n": "a", "v": float("-inf")}, "its 'v' is not a finite number"),
        ({"n": "a", "v": Decimal("NaN")}, "its 'v' is not a finite number"),
        ({"n": "a", "v": Decimal("1E+101")}, "its 'v' is beyond 10^100, or closer to zero"),
        ({"n": "a", "v": Decimal("1E-999999")}, "its 'v' is beyond 10^100, or closer to zero"),
        ({"n": "a", "v": 10**40}, "its 'v' has over 40 digits"),
        ({"n": "a", "v": -(10**5000)}, "its 'v' has over 40 digits"),
        ({"n": "a", "v": Decimal("1." + "1" * 40)}, "its 'v' has over 40 digits"),
        ({"n": "a", "bv": Decimal("1E+90"), "v": 1}, "its 'v' has over 40 digits"),
        ({"n": "a", "t": 10**12, "v": 1}, "its instant lies outside the years 1978 to 9999"),
        ({"n": "a", "t": -(10**10), "v": 1}, "its instant lies outside the years 1978 to 9999"),
        ({"n": "a", 0: "b", "v": 1}, "it has the label 'n' twice"),
        ([], "it is no map of labels to values"),
        (None, "it is no map of labels to values"),
    ],
)  # fmt: skip
def test_refuses_a_record_with_its_index_and_reason(fields, why):
    assert reason({"n": "good", "v": 1}, fields) == f"record 1: {why}"


def test_true_and_floats_are_no_cbor_labels():
    """In Python True equals 1 and 2.0 equals 2; on the wire they are other keys."""
    assert reason({0: "a", 2.0: 1}) == (
        "record 0: it has 0 of the values v, vs, vb, vd; one is needed"
    )
    assert one({0: "a", 2: 1, True: "Cel"}).unit == ""


@pytest.mark.parametrize("name", ["a", "0", "Zz9-:./_", "dune-1/soil-10cm/vwc_raw", "n" * 255])
def test_names_that_the_rfc_allows(name):
    assert one({"n": name, "v": 1}).name == name


@pytest.mark.parametrize("name", ["", "-a", ":a", "/a", "_a", ".a", "a b", "ä", "a\n", "a\0"])
def test_names_that_it_does_not(name):
    assert "is not made of" in reason({"n": name, "v": 1})


def test_a_name_is_judged_whole_and_bounded():
    assert one({"bn": "a", "n": "-b", "v": 1}).name == "a-b"
    assert reason({"bn": "a" * 255, "n": "b", "v": 1}) == (
        "record 0: its name has over 255 characters"
    )


@pytest.mark.parametrize("records", [None, {}, "x", 1, b"", (1,)])
def test_a_pack_is_a_list(records):
    with pytest.raises(ContractError, match="a SenML pack is a list of records"):
        resolve(records, NOW_MS)


def test_a_pack_holds_a_bounded_number_of_records():
    record = {"n": "a", "v": 1}

    assert len(resolve([record] * senml.MAX_RECORDS, NOW_MS).records) == 10_000
    assert "a pack holds 1 to 10000 records, not 10001" in reason(*[record] * 10_001)
    assert "not 0" in reason()


# ---------------------------------------------------------------- properties

numbers = (
    st.integers(-(10**12), 10**12)
    | st.decimals(-(10**6), 10**6, places=3)
    | st.floats(-1e6, 1e6, allow_nan=False)
)
times = st.integers(-(10**6), 10**6) | st.integers(2**28, 2 * 10**9)
valid_records = st.lists(
    st.fixed_dictionaries(
        {"n": st.from_regex(r"[a-z0-9][a-z0-9:./_-]{0,6}", fullmatch=True)},
        optional={
            "bn": st.sampled_from(["", "x/", "y:"]),
            "bt": times,
            "bu": st.sampled_from(["", "Cel", "m"]),
            "bv": numbers,
            "bs": numbers,
            "bver": st.integers(1, 10),
            "u": st.sampled_from(["V", "/"]),
            "s": numbers,
            "t": times,
            "ut": numbers,
        },
    ).flatmap(
        lambda fields: st.sampled_from(
            [{"v": Decimal("1.25")}, {"vs": "x"}, {"vb": True}, {"vd": b"\x01"}]
        ).map(lambda value: fields | value)
    ),
    min_size=1,
    max_size=6,
)


def written(record: Record) -> dict:
    """A resolved record as SenML: RFC 8428, 4.6."""
    fields = {"n": record.name, "t": Decimal(record.time_ms) / 1000}
    if record.unit:
        fields["u"] = record.unit
    if record.kind is not Kind.SUM_ONLY:
        fields[record.kind.value] = record.value
    if record.sum is not None:
        fields["s"] = record.sum
    return fields


def resolved(records: list[dict]) -> senml.Pack:
    try:
        return resolve(records, NOW_MS)
    except ContractError:  # sums of too many digits, and instants before 1978
        assume(False)
        raise


@given(valid_records)
def test_a_resolved_pack_resolves_to_itself(records):
    pack = resolved(records)

    again = resolve([written(record) for record in pack.records], now_ms=0)

    assert again.records == pack.records
    assert not again.is_relative


@given(valid_records)
def test_a_cbor_twin_says_the_same(records):
    pack = resolved(records)

    assert resolve(twin(records), NOW_MS) == pack


@given(valid_records)
def test_records_come_in_order_of_time(records):
    instants = [record.time_ms for record in resolved(records).records]

    assert instants == sorted(instants)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=5)
    | st.binary(max_size=3) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([*LABELS, *LABELS.values(), "x_", True, 1.5, None]), inner, max_size=5
    ),
    max_leaves=12,
)  # fmt: skip


@given(anything | st.lists(anything, max_size=3))
def test_nothing_raises_anything_but_a_contract_error(records):
    try:
        pack = resolve(records, NOW_MS)
    except ContractError:
        return
    assert pack.records


@given(valid_records, st.data())
def test_one_wrong_value_raises_nothing_else_either(records, data):
    record = data.draw(st.sampled_from(records))
    record[data.draw(st.sampled_from([*record]))] = data.draw(anything)
    with suppress(ContractError):
        resolve(records, NOW_MS)
