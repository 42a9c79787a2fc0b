"""The preset dictionary: frozen once released, named in each payload, never a way round a limit."""

import tracemalloc
import zlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import dictionary
from wire.dictionary import WORDS, compress, decompress
from wire.errors import ContractError

LIMIT = 100_000
WORDS_OR_ANYTHING = st.lists(
    st.sampled_from([b'{"n":"', b'"e":-2,"d":[', b"soil-10cm/vwc_raw", b"0,0,0,"])
    | st.binary(max_size=40)
).map(b"".join)


def test_a_released_dictionary_never_changes():
    """Journals and outboxes hold payloads that need it: other words need another dictionary."""
    assert sha256(WORDS).hexdigest() == (
        "5cf6032825cff8153fa9c700d886d3fa016fc47cec44b9cd09cacbe5379aa273"
    )
    assert dictionary.WORDS_ID == zlib.adler32(WORDS) == 0x4EE1F064


def test_a_payload_says_that_it_needs_the_dictionary_and_which():
    assert compress(b'{"v":1}')[:6] == b"\x78\xf9\x4e\xe1\xf0\x64"  # RFC 1950, 2.2: FDICT, DICTID


@given(WORDS_OR_ANYTHING)
def test_unpacking_undoes_packing(text):
    assert decompress(compress(text), LIMIT) == text


@given(WORDS_OR_ANYTHING, st.integers(0, 9))
def test_what_was_packed_without_a_dictionary_is_read_as_well(text, level):
    assert decompress(zlib.compress(text, level), LIMIT) == text


@given(WORDS_OR_ANYTHING)
def test_any_other_reader_needs_only_the_words(text):
    """The page's one line of Python."""
    assert zlib.decompressobj(zdict=WORDS).decompress(compress(text)) == text


@given(st.binary(max_size=60), st.sampled_from([b"", b"\x78\xf9", b"\x78\xf9\x4e\xe1\xf0\x64"]))
def test_garbage_raises_only_the_documented_error(garbage, head):
    try:
        text = decompress(head + garbage, LIMIT)
    except ContractError:
        return
    assert text is None or len(text) <= LIMIT


@given(WORDS_OR_ANYTHING, st.data())
def test_a_damaged_payload_raises_the_documented_error_or_gives_the_text(text, data):
    payload = bytearray(compress(text))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= data.draw(st.integers(1, 255))
    try:
        found = decompress(bytes(payload), LIMIT)
    except ContractError:
        return
    assert found == text


@pytest.mark.parametrize("pack", [compress, zlib.compress])
def test_a_bomb_is_not_unpacked_beyond_the_limit(pack):
    bomb = pack(bytes(30_000_000))

    tracemalloc.start()
    found = decompress(bomb, LIMIT)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found is None
    assert most_bytes < 4 * LIMIT
    assert decompress(pack(bytes(LIMIT)), LIMIT) == bytes(LIMIT)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "cut short"),
        (b"hello", "not zlib data"),
        (compress(b"{}")[:-1], "cut short"),
        (compress(b"{}")[:5], "cut short"),
        (compress(b"{}") + b"x", "followed by something else"),
        (compress(b"{}")[:6] + b"\xff" * 9, "not zlib data"),
    ],
)
def test_refuses_with_a_reason(payload, reason):
    with pytest.raises(ContractError, match=reason):
        decompress(payload, LIMIT)


def test_another_dictionary_is_named_with_what_to_do():
    packing = zlib.compressobj(zdict=b"words of a year to come")
    payload = packing.compress(b"{}") + packing.flush()

    with pytest.raises(
        ContractError, match=r"dictionary 641f083e.*known is 4ee1f064.*newer server"
    ):
        decompress(payload, LIMIT)


def test_a_short_batch_is_packed_to_two_thirds_of_what_zlib_alone_makes():
    series = b",".join(
        b'{"n":"ridge-7/soil-30cm/%s","e":%d,"d":[%d,1,-2,0,3,1]}' % (key, exponent, first)
        for key, exponent, first in (
            (b"vwc_raw", -2, 249340),
            (b"soil_temperature", -1, 161),
            (b"soil_ec", 0, 39),
        )
    )
    text = b'{"v":1,"clock":"ntp","t":[1767225600000,600000,6],"s":[' + series + b"]}"

    assert len(compress(text)) < 0.67 * len(zlib.compress(text, 9))
