"""Blocks: every byte comes back as it came, whatever it was."""

import bz2
import zlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.archive.block import MAX_PLAIN_BYTES, Kept, Slot, pack, unpack
from wire import dictionary

TEXT = b'{"v":1,"clock":"ntp","s":[{"n":"dune-1/soil-10cm/vwc_raw","d":[2500,1,-1]}]}'

payloads = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.tuples(st.binary(max_size=60), st.integers(0, 9)).map(lambda one: zlib.compress(*one)),
        st.binary(max_size=60).map(dictionary.compress),
        st.tuples(st.binary(max_size=60), st.integers(1, 9)).map(lambda one: bz2.compress(*one)),
        st.binary(max_size=20).map(lambda tail: bz2.compress(b"batch", 1) + tail),
        st.binary(max_size=20).map(lambda tail: b"BZh1" + tail),
        st.binary(max_size=20).map(lambda tail: zlib.compress(b"batch", 9) + tail),
    ),
    max_size=8,
)


def digest(payload):
    return sha256(payload).digest()


def packed(*payloads):
    return pack([Slot(10 + at, one, digest(one)) for at, one in enumerate(payloads)])


@given(payloads)
def test_what_goes_in_comes_out(given_payloads):
    digests = {10 + at: digest(one) for at, one in enumerate(given_payloads)}

    found = dict(unpack(packed(*given_payloads), digests))

    assert found == {10 + at: Kept(one, True) for at, one in enumerate(given_payloads)}


def test_only_what_is_asked_for_is_given():
    found = dict(unpack(packed(b"a", b"b", b"c"), {11: digest(b"b")}))

    assert found == {11: Kept(b"b", True)}


def test_bytes_that_cannot_be_rebuilt_stay_as_they_came():
    """Another program's zlib made them: no level of ours gives the same bytes."""
    foreign = zlib.compressobj(9, zlib.DEFLATED, 9)
    payload = foreign.compress(TEXT) + foreign.flush()
    assert all(zlib.compress(TEXT, level) != payload for level in range(10))

    found = dict(unpack(packed(payload), {10: digest(payload)}))

    assert found == {10: Kept(payload, True)}


def test_what_was_cut_when_it_came_is_told_apart():
    head = zlib.compress(TEXT, 9)[:20]
    slot = Slot(10, head, digest(zlib.compress(TEXT, 9)))

    assert dict(unpack(pack([slot]), {10: slot.digest})) == {10: Kept(head, False)}


def test_a_bzip2_stream_that_cannot_be_rebuilt_stays_as_it_came():
    """The bits behind its end, up to a whole byte, say nothing: others may have set them."""
    text = next(TEXT * n for n in range(1, 99) if bz2.compress(TEXT * n, 1)[-1] & 1 == 0)
    payload = bytearray(bz2.compress(text, 1))
    payload[-1] |= 1
    assert bz2.decompress(payload) == text

    found = dict(unpack(packed(bytes(payload)), {10: digest(payload)}))

    assert found == {10: Kept(bytes(payload), True)}


@pytest.mark.parametrize(
    "pack_one",
    [dictionary.compress, lambda text: zlib.compress(text, 9), lambda text: bz2.compress(text, 1)],
)
def test_many_batches_together_take_less_than_each_alone(pack_one):
    payloads = [pack_one(TEXT.replace(b"2500", str(value).encode())) for value in range(2000, 2200)]

    assert len(packed(*payloads)) < 1_200


@pytest.mark.parametrize("data", [b"", b"no block", zlib.compress(b"x")])
def test_what_is_no_block_is_refused(data):
    with pytest.raises((ValueError, OSError)):
        dict(unpack(data, {}))


@pytest.mark.parametrize("compress", [zlib.compress, bz2.compress])
def test_what_was_blown_up_does_not_blow_up_the_block(compress):
    """A few kilobytes may hold megabytes of blanks: a block full of them would fill the memory."""
    payloads = [compress(b" " * 4_000_000, 9)] * 5

    data = packed(*payloads)

    assert len(bz2.decompress(data)) < MAX_PLAIN_BYTES + sum(map(len, payloads))
    digests = {10 + at: digest(one) for at, one in enumerate(payloads)}
    assert [kept.payload for _, kept in unpack(data, digests)] == payloads
