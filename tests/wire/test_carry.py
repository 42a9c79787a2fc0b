"""Files that carry an outbox: what any unzip sees, and what is left of a damaged one."""

import io
import json
import struct
import subprocess
import tracemalloc
import zipfile
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import carry
from wire.carry import Damage, Manifest, Member, Reader, Writer
from wire.errors import ContractError

AT = 1_767_225_600_000  # 2026-01-01T00:00Z
BATCHES = {3: b"three", 4: b"", 7: b"seven" * 100}
PREFIX = "saxaul/1/kubuqi-dune"


def manifest(**changes):
    fields = {
        "format": "saxaul-carry",
        "version": 1,
        "gateway": "kubuqi-dune",
        "epoch": "00c0ffee",
        "ranges": [(3, 4), (7, 7)],
        "exported_at": AT,
        "inventory_at": AT - 1,
    }
    return Manifest(**(fields | changes))


def written(batches=BATCHES, **changes):
    stream = io.BytesIO()
    writer = Writer(stream, manifest(**changes))
    writer.add_inventory(b'{"rev":1}')
    writer.add_status(b'{"state":"offline"}')
    for seq, payload in batches.items():
        writer.add_batch(seq, payload)
    writer.finish()
    return stream.getvalue()


WHOLE = written()


def read(raw):
    """Give what was said of a file: batches by seq, and damage."""
    found = list(Reader(io.BytesIO(raw)))
    batches = {one.seq: one.payload for one in found if isinstance(one, Member) and one.seq}
    return batches, [one for one in found if isinstance(one, Damage)]


def test_what_was_written_is_read_in_its_order_under_its_topics():
    assert list(Reader(io.BytesIO(WHOLE))) == [
        Member(f"{PREFIX}/inventory", b'{"rev":1}'),
        Member(f"{PREFIX}/status", b'{"state":"offline"}'),
        Member(f"{PREFIX}/batch/00c0ffee/3", b"three", 3),
        Member(f"{PREFIX}/batch/00c0ffee/4", b"", 4),
        Member(f"{PREFIX}/batch/00c0ffee/7", b"seven" * 100, 7),
    ]


def test_the_manifest_tells_whose_it_is_and_what_should_be_there():
    found = Reader(io.BytesIO(WHOLE)).manifest

    assert found == manifest()
    assert found.batches == 3
    assert found.file_name == "saxaul-kubuqi-dune-00c0ffee-3-7.zip"


def test_a_file_of_no_batch_is_whole_too():
    raw = written({}, ranges=[])

    assert read(raw) == ({}, [])
    assert Reader(io.BytesIO(raw)).manifest.file_name == "saxaul-kubuqi-dune-00c0ffee-0-0.zip"


def test_any_unzip_reads_it(tmp_path):
    (tmp_path / "carried.zip").write_bytes(WHOLE)

    subprocess.run(["unzip", "-q", "carried.zip", "-d", "out"], cwd=tmp_path, check=True)

    assert (tmp_path / "out/batch/00c0ffee/7").read_bytes() == b"seven" * 100
    told = json.loads((tmp_path / "out/manifest.json").read_bytes())
    assert told["ranges"] == [[3, 4], [7, 7]]
    assert zipfile.ZipFile(io.BytesIO(WHOLE)).testzip() is None


def test_a_clock_that_zip_cannot_write_stops_nothing():
    for at in (0, 253_402_300_799_999):
        assert read(written(exported_at=at)) == (BATCHES, [])


def test_of_a_file_cut_short_anywhere_all_that_is_whole_is_read_and_the_cut_is_told():
    begun = WHOLE.index(b"PK\3\4", 10)  # the manifest is whole from here on
    for length in range(begun, len(WHOLE)):
        batches, damage = read(WHOLE[:length])

        assert list(batches) == [
            seq
            for seq, payload in BATCHES.items()
            if WHOLE.index(b"/%d" % seq) + 10 + len(payload) <= length
        ]
        assert [one.is_end for one in damage] == [True]
        assert "cut short or damaged from byte" in damage[0].sentence


def test_of_a_file_cut_within_its_manifest_nothing_can_be_used():
    with pytest.raises(ContractError, match="carry the original file"):
        read(WHOLE[:100])


def test_every_flipped_bit_is_harmless_or_told():
    """Each bit of a file in turn: no batch ever comes with other bytes or under another number."""
    for at in range(len(WHOLE)):
        for bit in (1, 2, 16, 128):
            raw = bytearray(WHOLE)
            raw[at] ^= bit
            batches, damage = read(bytes(raw))

            assert batches.items() <= BATCHES.items(), at
            assert damage or batches == BATCHES, at


def test_a_damaged_beginning_leaves_the_rest():
    """The manifest is there again at the end."""
    raw = bytes(200) + WHOLE[200:]

    batches, damage = read(raw)

    assert batches == BATCHES
    assert [one.first for one in damage] == [0]


def test_zeros_where_a_stick_was_pulled_early_are_one_damage():
    start = WHOLE.index(b"PK\3\4", WHOLE.index(b"00c0ffee/3"))
    raw = WHOLE[:start] + bytes(len(WHOLE) - start)

    batches, damage = read(raw)

    assert batches == {3: b"three"}
    assert damage == [Damage(start, len(WHOLE), is_end=True)]


@given(
    st.binary(max_size=300),
    st.integers(0, len(WHOLE)),
    st.integers(0, len(WHOLE)),
)
def test_garbage_in_between_gives_damage_or_one_documented_error(garbage, first, last):
    raw = WHOLE[:first] + garbage + WHOLE[last:]
    try:
        batches, damage = read(raw)
    except ContractError:
        return
    assert batches.items() <= BATCHES.items()
    assert damage or batches == BATCHES


@given(st.binary(max_size=2000))
def test_garbage_is_no_file_of_ours(raw):
    with pytest.raises(ContractError, match="no file of saxaul-gateway export"):
        Reader(io.BytesIO(raw))


def member(name, payload=b"", **changes):
    """A member as a hostile or foreign program may write it."""
    raw = name.encode()
    fields = {"flags": 0, "method": 0, "crc": crc32(payload), "packed": len(payload)}
    fields |= {"size": len(payload), "extra": struct.pack("<HHI", 0x5853, 4, crc32(raw))} | changes
    head = struct.pack(
        "<4s5H3I2H",
        *(b"PK\3\4", 20, fields["flags"], fields["method"], 0, 0, fields["crc"]),
        *(fields["packed"], fields["size"], len(raw), len(fields["extra"])),
    )
    return head + raw + fields["extra"] + payload


@pytest.mark.parametrize(
    "hostile",
    [
        member("../../etc/passwd", b"root"),
        member("/etc/passwd", b"root"),
        member("batch/00c0ffee/0", b"x"),
        member("batch/00c0ffee/9223372036854775808", b"x"),
        member("batch/deadbeef/9", b"of another outbox"),
        member("batch/00c0ffee/9/9", b"x"),
        member("receipt", b"{}"),
        member("a" * 60_000, b"x"),
        member("batch/00c0ffee/9", b"bomb", method=8),
        member("batch/00c0ffee/9", b"x", flags=8),
        member("batch/00c0ffee/9", b"x", extra=b""),
        member("batch/00c0ffee/9", b"x", size=0xFFFFFFFF, packed=0xFFFFFFFF),
        member("batch/00c0ffee/9", b"x", crc=0),
        member("batch/00c0ffee/9", bytes(1_000_001)),
        member("\N{SNOWMAN}", b"x"),
    ],
    ids=range(15),
)
def test_a_hostile_member_is_damage_and_the_others_are_read(hostile):
    at = WHOLE.index(b"PK\3\4", 10)
    raw = WHOLE[:at] + hostile + WHOLE[at:]

    batches, damage = read(raw)

    assert batches == BATCHES
    assert damage[0] == Damage(at, at + len(hostile))


def test_a_file_packed_again_by_another_program_is_refused():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("manifest.json", "{}")

    with pytest.raises(ContractError, match="carry the original file, as it was written"):
        Reader(io.BytesIO(stream.getvalue()))


def test_a_file_full_of_beginnings_is_given_up_in_time():
    """Each could make the reader take 200 kB in, only to find it broken: 2.6 GB in all."""

    class Counting(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            found = super().read(size)
            self.taken += len(found)
            return found

    head = member("batch/00c0ffee/9", bytes(200_000), crc=1)[:30]
    stream = Counting(WHOLE[: WHOLE.index(b"PK\3\4", 10)] + head * 20_000)

    found = list(Reader(stream))

    assert [type(one) for one in found] == [Damage]
    assert stream.taken < 300_000_000


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "other"}, "of format 'other'"),
        ({"version": 2}, "written in version 2, this program reads 1: update it"),
        ({"gateway": "../x"}, "names no gateway"),
        ({"epoch": "x/y"}, "names no outbox"),
        ({"ranges": [(2, 1)]}, "no range"),
        ({"ranges": [(1, 5), (5, 6)]}, "out of order"),
        ({"ranges": [(1, 20_001)]}, "more than 20000"),
        ({"ranges": [(0, 1)]}, "cannot be read"),
        ({"exported_at": -1}, "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_followed_is_refused(monkeypatch, changes, said):
    monkeypatch.setattr(carry, "_date", lambda _: (1980, 1, 1, 0, 0, 0))
    with pytest.raises(ContractError, match=said):
        Reader(io.BytesIO(written(**changes)))


def test_a_long_file_is_read_without_holding_it():
    raw = written({seq: bytes(10_000) for seq in range(1, 3001)}, ranges=[(1, 3000)])
    stream = io.BytesIO(raw)
    tracemalloc.start()

    count = sum(1 for _ in Reader(stream))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 3002
    assert peak < 1_000_000
