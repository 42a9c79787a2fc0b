"""The batch codec: exact, bounded, and deaf to garbage."""

import bz2
import random
import zlib
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import batch, dictionary, packing
from wire.batch import Sample, decode, encode, representable
from wire.errors import ContractError
from wire.messages import ClockSource
from wire.quality import Flag

EXAMPLE = {
    "v": 1,
    "clock": "ntp",
    "t": [1767225600000, 600000, 6],
    "s": [
        {
            "n": "dune-3/soil-30cm/vwc_raw",
            "e": -2,
            "d": [249340, -12, 0, 3, 0, 1],
            "q": [[1, 5], [3, 1]],
        },
        {
            "n": "dune-3/mast/rain",
            "e": -1,
            "t": [1767225600000, [0, 600000, 1800000]],
            "d": [0, 2, 0],
        },
    ],
}

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,5}/[a-z][a-z0-9-]{0,5}/[a-z_]{1,6}", fullmatch=True)
DECIMALS = st.decimals(-(10**9), 10**9, places=4) | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14
).filter(representable)
PRESENT = st.tuples(
    DECIMALS, st.sampled_from([Flag.PASS, Flag.NOT_EVALUATED, Flag.SUSPECT, Flag.FAIL])
)
MISSING = st.sampled_from(["", "timeout", "bad checksum", "Zähler stumm"])


@st.composite
def series(draw):
    times = draw(
        st.lists(st.integers(0, batch.MAX_TIME_MS), min_size=1, max_size=30, unique=True).map(
            sorted
        )
    )
    if draw(st.booleans()):  # the usual case: a regular grid
        times = [1767225600000 + 60000 * i for i in range(len(times))]
    rows = []
    for time_ms in times:
        if draw(st.booleans()):
            value, flag = draw(PRESENT)
            rows.append(Sample(time_ms, value, flag))
        else:
            rows.append(Sample(time_ms, None, Flag.MISSING, draw(MISSING)))
    return rows


def rows_of(decoded):
    """Gather a decoded batch by name; a series may be cut into several columns."""
    rows = {}
    for one in decoded.series:
        rows.setdefault(one.name, []).extend(one.samples())
    return rows


def unpacked(payload):
    return zlib.decompressobj(zdict=dictionary.WORDS).decompress(payload)


@given(st.dictionaries(NAMES, series(), max_size=5), st.sampled_from(ClockSource))
def test_decode_undoes_encode(samples, clock):
    decoded = decode(encode(clock, samples))

    assert decoded.clock is clock
    assert rows_of(decoded) == samples


def restless(count, seed=1):
    """A series of which the digits are mostly chance."""
    chance = random.Random(seed)
    return [Sample(60_000 * i, Decimal(chance.randrange(1000)) / 10) for i in range(count)]


def test_a_long_batch_goes_by_bzip2_and_comes_back():
    samples = {"a/b/c": restless(5000), "a/b/d": restless(300, 2)}

    payload = encode(ClockSource.NTP, samples)

    assert bz2.decompress(payload).startswith(b'{"v":1,"clock":"ntp",')
    assert rows_of(decode(payload)) == samples
    assert len(payload) < len(dictionary.compress(bz2.decompress(payload)))


@pytest.mark.parametrize("pack", [zlib.compress, dictionary.compress, bz2.compress, packing.pack])
def test_either_kind_of_packing_says_the_same(pack):
    text = msgspec.json.encode(EXAMPLE)

    assert decode(pack(text)) == decode(zlib.compress(text))


def test_a_series_may_be_made_when_it_is_asked_for_and_is_asked_for_once():
    asked = []

    class Made(dict):
        def items(self):
            for name, count in super().items():
                asked.append(name)
                yield name, restless(count)

    payload = encode(ClockSource.NTP, Made({"a/b/c": 3, "a/b/d": 2}))

    assert asked == ["a/b/c", "a/b/d"]
    assert rows_of(decode(payload)) == {"a/b/d": restless(2), "a/b/c": restless(3)}


@given(st.dictionaries(NAMES, series(), max_size=5))
def test_what_other_nodes_pack_without_the_dictionary_says_the_same(samples):
    plain = zlib.compress(unpacked(encode(ClockSource.NTP, samples)))

    assert rows_of(decode(plain)) == samples


@given(st.binary(max_size=300))
def test_garbage_raises_only_the_documented_error(garbage):
    with pytest.raises(ContractError):
        decode(garbage)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["v", "t", "s", "n", "e", "d", "q", "m", "clock"]), inner)
    ),
    max_leaves=12,
)


@given(json_values, st.integers(0, 7))
def test_damaged_json_raises_only_the_documented_error(damage, place):
    """Any part of a good batch replaced by anything decodes or raises ContractError."""
    fields = msgspec.json.decode(msgspec.json.encode(EXAMPLE))
    keys = ["v", "clock", "t", "s"]
    inner = ["n", "e", "d", "q"]
    if place < 4:
        fields[keys[place]] = damage
    else:
        fields["s"][0][inner[place - 4]] = damage
    try:
        decoded = decode(zlib.compress(msgspec.json.encode(fields)))
    except ContractError:
        return
    assert len(decoded) == sum(len(one.mantissas) for one in decoded.series)


def test_reads_the_contract_s_own_example():
    first, second = decode(zlib.compress(msgspec.json.encode(EXAMPLE))).series

    assert [str(s.value) for s in first.samples()] == [
        "2493.40", "2493.28", "2493.28", "2493.31", "2493.31", "2493.32",
    ]  # fmt: skip
    assert [s.flag for s in first.samples()] == [1, 1, 1, 1, 1, 3]
    assert [(s.time_ms - 1767225600000, s.value) for s in second.samples()] == [
        (0, Decimal("0.0")), (600000, Decimal("0.2")), (1800000, Decimal("0.2")),
    ]  # fmt: skip


def test_writes_the_bytes_of_the_contract():
    rows = [Sample(1767225600000 + 600000 * i, Decimal(v)) for i, v in enumerate(["21.5", "21.4"])]
    rows.append(Sample(1767226800000, None, Flag.MISSING, "timeout"))

    text = unpacked(encode(ClockSource.NTP, {"dune-3/mast/air_temperature": rows}))

    assert text == (
        b'{"v":1,"clock":"ntp","t":[1767225600000,600000,3],"s":[{"n":"dune-3/mast/air_temperature",'
        b'"e":-1,"d":[215,-1,null],"m":[[2,"timeout"]]}]}'
    )


def test_quiet_series_stand_before_restless_ones_and_a_series_pieces_in_order():
    wide = [Sample(1, Decimal("1E-12")), Sample(2, Decimal(123456789012)), Sample(3, Decimal(1))]
    quiet = [Sample(1, Decimal(0)), Sample(2, Decimal(0)), Sample(3, Decimal(0))]

    decoded = decode(encode(ClockSource.NTP, {"a/b/wide": wide, "a/b/quiet": quiet}))

    assert [one.name for one in decoded.series] == ["a/b/quiet", "a/b/wide", "a/b/wide"]
    assert rows_of(decoded) == {"a/b/wide": wide, "a/b/quiet": quiet}


def test_a_series_too_wide_for_one_exponent_is_cut_not_rounded():
    samples = {"a/b/c": [Sample(1, Decimal("1E-12")), Sample(2, Decimal(123456789012))]}

    decoded = decode(encode(ClockSource.NTP, samples))

    assert len(decoded.series) == 2
    assert rows_of(decoded) == samples


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1E-13", "1E+1000000", "9007199254740993"])
def test_a_value_that_cannot_be_carried_exactly_is_refused_when_writing(value):
    assert not representable(Decimal(value))
    with pytest.raises(ValueError, match="cannot carry"):
        encode(ClockSource.NTP, {"a/b/c": [Sample(1, Decimal(value))]})


def test_a_nought_with_a_monstrous_exponent_is_nought_at_once():
    payload = encode(ClockSource.NTP, {"a/b/c": [Sample(1, Decimal("0E-999999999999"))]})

    assert rows_of(decode(payload)) == {"a/b/c": [Sample(1, Decimal(0))]}


@pytest.mark.parametrize(
    ("name", "time_ms"),
    [
        ("no-slashes", 1),
        ("a/b/c\n", 1),
        ("a/\udcff/c", 1),
        ("a/b/c", -1),
        ("a/b/c", batch.MAX_TIME_MS + 1),
    ],
)
def test_what_would_be_refused_whole_is_not_written(name, time_ms):
    """One damaged row must not cost the batch it would have gone into."""
    with pytest.raises(ValueError, match=r"no datastream's name|outside the years"):
        encode(ClockSource.NTP, {name: [Sample(time_ms, Decimal(1))]})


def bomb(size, compress=zlib.compress):
    return compress(b" " * size, 9)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "cut short"),
        (b"hello", "not zlib"),
        (zlib.compress(b"{}")[:-3], "cut short"),
        (zlib.compress(b"{}") + b"x", "followed by something else"),
        (bomb(5_000_000), "when decompressed"),
        (bomb(50_000_000, bz2.compress), "when decompressed"),
        (bz2.compress(b"{}")[:-3], "bzip2 data is cut short"),
        (bz2.compress(b"{}") + b"x", "followed by something else"),
        (bz2.compress(b'{"v":2,"s":[]}'), "version 2 is not known"),
        (b"x" * 300_000, "over 262144"),
        (zlib.compress(b'{"v":2,"s":[]}'), "version 2 is not known"),
        (zlib.compress(b'{"v":1}'), "missing required field `s`"),
        (zlib.compress(b'{"v":1,"s":[{"n":"no-slashes","d":[]}]}'), "no datastream.s name"),
        (
            zlib.compress(b'{"v":1,"t":[5,1,2],"s":[{"n":"a/b/c","d":[1]}]}'),
            "do not match its 1 values",
        ),
        (zlib.compress(b'{"v":1,"s":[{"n":"a/b/c","d":[1]}]}'), "do not match its 1 values"),
        (zlib.compress(b'{"v":1,"t":[-5,0,1],"s":[{"n":"a/b/c","d":[1]}]}'), "years 1970 to 9999"),
        (
            zlib.compress(b'{"v":1,"t":[5,1,1],"s":[{"n":"a/b/c","d":[1],"q":[[1,2]]}]}'),
            "do not add up",
        ),
        (
            zlib.compress(b'{"v":1,"t":[5,1,1],"s":[{"n":"a/b/c","d":[1],"q":[[7,1]]}]}'),
            "none of QARTOD",
        ),
        (
            zlib.compress(b'{"v":1,"t":[5,1,1],"s":[{"n":"a/b/c","d":[1],"m":[[0,"x"]]}]}'),
            "not missing",
        ),
        (zlib.compress(b'{"v":1,"s":[{"n":"a/b/c","d":[' + b"9" * 10**6 + b"]}]}"), "out of range"),
    ],
)
def test_refuses_with_a_reason(payload, reason):
    with pytest.raises(ContractError, match=reason):
        decode(payload)


def test_too_many_values_are_refused_on_both_sides():
    many = [Sample(i, Decimal(0)) for i in range(batch.MAX_VALUES + 1)]

    with pytest.raises(ValueError, match="at most 200000"):
        encode(ClockSource.NTP, {"a/b/c": many})
    zeros = b",".join([b"0"] * (batch.MAX_VALUES + 1))
    with pytest.raises(ContractError, match="over 200000 values"):
        decode(zlib.compress(b'{"v":1,"t":[0,1,200001],"s":[{"n":"a/b/c","d":[' + zeros + b"]}]}"))
