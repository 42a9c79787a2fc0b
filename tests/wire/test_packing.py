"""Packing: the shorter of two kinds, told apart by their first bytes, and bounded alike."""

import bz2
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import dictionary
from wire.errors import ContractError
from wire.packing import BZIP2_FROM_BYTES, bzip2_level, pack, unpack

LIMIT = 100_000


def digits(count, seed=1):
    """Differences as a restless sensor's batch has them."""
    chance = random.Random(seed)
    return b",".join(b"%d" % round(chance.gauss(0, 30)) for _ in range(count))


LONG, SHORT = digits(5_000), digits(1_000)
texts = st.builds(
    lambda start, count, seed: start + digits(count, seed),
    st.binary(max_size=40),
    st.integers(0, 6_000),
    st.integers(0, 99),
)


def test_a_long_text_of_digits_goes_by_bzip2_and_is_shorter_for_it():
    assert pack(LONG) == bz2.compress(LONG, 1)
    assert len(pack(LONG)) < 0.96 * len(dictionary.compress(LONG))


def test_a_short_text_goes_by_the_dictionary():
    assert len(SHORT) < BZIP2_FROM_BYTES
    assert pack(SHORT) == dictionary.compress(SHORT)


def test_a_long_text_that_zlib_packs_better_goes_by_the_dictionary():
    text = dictionary.WORDS * 4

    assert len(text) > BZIP2_FROM_BYTES
    assert len(dictionary.compress(text)) < len(bz2.compress(text, 1))
    assert pack(text) == dictionary.compress(text)


@given(texts)
def test_unpacking_undoes_packing(text):
    assert unpack(pack(text), LIMIT) == text


@given(st.binary(max_size=200), st.integers(1, 9))
def test_any_level_of_bzip2_is_read_and_told(text, level):
    payload = bz2.compress(text, level)

    assert unpack(payload, LIMIT) == text
    assert bzip2_level(payload) == level


@pytest.mark.parametrize("data", [b"", b"BZh", b"BZh0", b"BZhx", b"bZh1", zlib.compress(b"BZh1")])
def test_what_is_no_bzip2_data_has_no_level(data):
    assert bzip2_level(data) is None


BLOCK_MAGIC = b"\x31\x41\x59\x26\x53\x59"  # bzip2 1.0.8, decompress.c: pi as BCD


@given(st.binary(max_size=80), st.sampled_from([b"BZh", b"BZh1", b"BZh9", b"BZh1" + BLOCK_MAGIC]))
def test_garbage_raises_only_the_documented_error(garbage, head):
    try:
        text = unpack(head + garbage, LIMIT)
    except ContractError:
        return
    assert text == b""  # an empty stream is the only one that is so short and whole


@given(st.data())
def test_a_damaged_payload_raises_the_documented_error_or_gives_the_text(data):
    payload = bytearray(pack(LONG))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= data.draw(st.integers(1, 255))
    try:
        found = unpack(bytes(payload), LIMIT)
    except ContractError:
        return
    assert found == LONG


@given(st.data())
def test_a_payload_that_is_cut_is_refused(data):
    payload = pack(LONG)
    with pytest.raises(ContractError):
        unpack(payload[: data.draw(st.integers(0, len(payload) - 1))], LIMIT)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"BZh1", "bzip2 data is cut short"),
        (b"BZh0" + bytes(20), "not bzip2 data"),
        (b"BZh1" + bytes(20), "not bzip2 data"),
        (bz2.compress(LONG)[:-1], "bzip2 data is cut short"),
        (bz2.compress(LONG) + b"x", "followed by something else"),
        (bz2.compress(b"{}") * 2, "followed by something else"),
        (b"B", "cut short"),
        (b"hello", "not zlib data"),
    ],
)
def test_refuses_with_a_reason(payload, reason):
    with pytest.raises(ContractError, match=reason):
        unpack(payload, LIMIT)


@pytest.mark.parametrize("level", [1, 9])
def test_a_bomb_is_not_unpacked_beyond_the_limit(level):
    """At its best bzip2 makes 48 bytes of thirty megabytes of nought."""
    bomb = bz2.compress(bytes(30_000_000), level)
    assert len(bomb) < 250

    tracemalloc.start()
    found = unpack(bomb, LIMIT)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found is None
    assert most_bytes < 4 * LIMIT + 4_000_000  # the most that bzip2 itself takes (bzip2(1))
    assert unpack(bz2.compress(bytes(LIMIT), level), LIMIT) == bytes(LIMIT)
    assert unpack(bz2.compress(bytes(LIMIT + 1), level), LIMIT) is None
