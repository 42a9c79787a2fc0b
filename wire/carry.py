"""Files by which an outbox is carried by hand, written and read member by member. Opens nothing.

A file is a ZIP whose members are stored, never compressed, and named after their topics:

    manifest.json          what the file should hold; again at the end, as manifest-again.json
    inventory.json, status.json
    batch/{epoch}/{seq}    the very bytes of the wire, in ascending order

ZIP keeps a CRC-32 of each member's bytes; we add one of its name. The reader goes from header to
header and needs no directory: of a file that was cut short or damaged it finds all that is whole.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import SEEK_END
from struct import Struct
from typing import Annotated, BinaryIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo
from zlib import crc32

import msgspec

from wire import topics
from wire.batch import MAX_COMPRESSED_BYTES, MAX_TIME_MS
from wire.errors import ContractError
from wire.messages import MAX_MESSAGE_BYTES, Message, Seq, check_ranges

FORMAT, VERSION = "saxaul-carry", 1
# A file holds at most this much: FAT32 takes it, and its directory is kept in memory meanwhile.
MAX_FILE_BYTES = 1_000_000_000
MAX_BATCHES = 20_000
# Headers, twice the name, and the directory's entry of one member, at most.
MEMBER_OVERHEAD = 250

MAX_MANIFEST_BYTES = 1_000_000
_MAX_BYTES = max(MAX_MANIFEST_BYTES, MAX_COMPRESSED_BYTES, MAX_MESSAGE_BYTES)
_MAX_NAME = 80
# Places where a member seems to begin and none does: with more of them, reading is given up.
_MAX_TRIES = 1_000
_CHUNK = 64 * 1024

_MANIFEST, _MANIFEST_AGAIN = "manifest.json", "manifest-again.json"
_INVENTORY, _STATUS = "inventory.json", "status.json"

# APPNOTE.TXT 6.3.10 (ZIP), 4.3.7: signature, version, flags, method, time, date, CRC-32, size
# compressed, size, length of name, of extra field. 4.5: an extra field of ours, the name's CRC-32.
_LOCAL = Struct("<4s5H3I2H")
_LOCAL_SIGNATURE = b"PK\3\4"
_EXTRA = Struct("<HHI")
_EXTRA_ID = 0x5853  # "SX"
# 4.3.12 and 4.3.16: the directory, and the record that ends the file and says where it begins.
_ENTRY_SIGNATURE = b"PK\1\2"
_END = Struct("<4s4H2IH")
_END_SIGNATURE = b"PK\5\6"
_MODE = 0o644 << 16  # else Unix programs unpack a file that nobody may read


class Manifest(Message, frozen=True, kw_only=True):
    """What a file should hold: batches of one epoch, as closed ranges of seq in ascending order.

    Instants are in ms UTC by the clock of who wrote the file; at `inventory_at` the inventory held.
    """

    format: str
    version: int
    gateway: str
    epoch: str
    ranges: Annotated[list[tuple[Seq, Seq]], msgspec.Meta(max_length=MAX_BATCHES)]
    exported_at: Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME_MS)]
    inventory_at: Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME_MS)]

    @property
    def batches(self) -> int:
        """Count the batches."""
        return sum(last - first + 1 for first, last in self.ranges)

    @property
    def file_name(self) -> str:
        """Name the file: FAT, NTFS and every other file system takes it."""
        first, last = (self.ranges[0][0], self.ranges[-1][1]) if self.ranges else (0, 0)
        return f"saxaul-{self.gateway}-{self.epoch}-{first}-{last}.zip"


@dataclass(frozen=True, slots=True)
class Member:
    """A whole member, as the message it stands for; `seq` is set for a batch."""

    topic: str
    payload: bytes
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes first <= at < last that are no member; `is_end` when the file's end went with them."""

    first: int
    last: int
    is_end: bool = False

    @property
    def sentence(self) -> str:
        """Say it for people."""
        if self.is_end:
            return f"the file was cut short or damaged from byte {self.first:,} on"
        return f"bytes {self.first:,} to {self.last - 1:,} are damaged"


# ---------------------------------------------------------------- writing


class Writer:
    """Writes one file to a stream that can seek, keeping only the names in memory."""

    def __init__(self, stream: BinaryIO, manifest: Manifest) -> None:
        """Begin with the manifest."""
        self._manifest = msgspec.json.encode(manifest)
        self._date = _date(manifest.exported_at)
        self._zip = ZipFile(stream, "w", ZIP_STORED, allowZip64=False)
        self._batches = f"batch/{manifest.epoch}"
        self._add(_MANIFEST, self._manifest)

    def add_inventory(self, payload: bytes) -> None:
        """Write the inventory."""
        self._add(_INVENTORY, payload)

    def add_status(self, payload: bytes) -> None:
        """Write the status."""
        self._add(_STATUS, payload)

    def add_batch(self, seq: int, payload: bytes) -> None:
        """Write a batch."""
        self._add(f"{self._batches}/{seq}", payload)

    def finish(self) -> None:
        """Write the manifest again and the directory."""
        self._add(_MANIFEST_AGAIN, self._manifest)
        self._zip.close()

    def abandon(self) -> None:
        """Give the file up; the stream may be broken already."""
        with suppress(OSError, ValueError):
            self._zip.close()

    def _add(self, name: str, payload: bytes) -> None:
        member = ZipInfo(name, self._date)
        member.external_attr = _MODE
        member.extra = _EXTRA.pack(_EXTRA_ID, 4, crc32(name.encode("ascii")))
        self._zip.writestr(member, payload)


def _date(time_ms: int) -> tuple[int, int, int, int, int, int]:
    """Write an instant as ZIP can: from 1980 to 2107."""
    at = datetime.fromtimestamp(time_ms / 1000, UTC)
    return min(max(at.year, 1980), 2107), at.month, at.day, at.hour, at.minute, at.second


# ---------------------------------------------------------------- reading


class Reader:
    """Reads a file from a stream that can seek, one member at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        """Find the manifest; raises ContractError when the file is none of ours."""
        self._stream = stream
        self.size = stream.seek(0, SEEK_END)
        found = _directory(stream, self.size)
        self._is_whole = found is not None
        self._end = self.size if found is None else found
        self.manifest = self._find_manifest()

    def __iter__(self) -> Iterator[Member | Damage]:
        """Walk through what the file holds: members that are whole, and damage between them."""
        for one in self._scan():
            if isinstance(one, Damage):
                yield one
            elif one.name not in (_MANIFEST, _MANIFEST_AGAIN):
                yield self._member(one)

    def position(self) -> int:
        """Tell how far the file has been read, in bytes."""
        return self._stream.tell()

    def _find_manifest(self) -> Manifest:
        for one in self._scan():
            if isinstance(one, _Raw) and one.name in (_MANIFEST, _MANIFEST_AGAIN):
                return _read_manifest(one.payload)
        raise ContractError(
            "this is no file of saxaul-gateway export, or too damaged to tell whose: "
            "carry the original file, as it was written, once more"
        )

    def _member(self, raw: "_Raw") -> Member | Damage:
        own = self.manifest
        match raw.name:
            case "inventory.json":
                return Member(topics.inventory(own.gateway), raw.payload)
            case "status.json":
                return Member(topics.status(own.gateway), raw.payload)
            case _:
                pass
        with suppress(ContractError):
            topic = f"{topics.ROOT}/{own.gateway}/{raw.name}"
            parsed = topics.parse_up(topic)
            if isinstance(parsed, topics.BatchTopic) and parsed.epoch == own.epoch:
                return Member(topic, raw.payload, parsed.seq)
        return Damage(raw.first, raw.last)

    def _scan(self) -> Iterator["_Raw | Damage"]:
        """Go from header to header; after damage, on to the next place where a member begins."""
        at, tries = 0, 0
        bad_from: int | None = None
        while at < self._end and tries <= _MAX_TRIES:
            raw = _member_at(self._stream, at, self._end)
            if raw is None:
                tries += 1
                bad_from = at if bad_from is None else bad_from
                at = _next_header(self._stream, at + 1, self._end)
                continue
            if bad_from is not None:
                yield Damage(bad_from, at)
                bad_from = None
            yield raw
            at = raw.last
        if bad_from is not None or not self._is_whole:
            first = self._end if bad_from is None else bad_from
            yield Damage(first, self._end, is_end=not self._is_whole)


@dataclass(frozen=True, slots=True)
class _Raw:
    name: str
    payload: bytes
    first: int
    last: int


_NAME = re.compile(rb"[a-z0-9./-]+")


def _member_at(stream: BinaryIO, at: int, end: int) -> _Raw | None:
    """Read the member that begins at a byte; None when none does, or it is not whole, or not ours.

    Nothing is decompressed, and no more is read than a member may have.
    """
    stream.seek(at)
    head = stream.read(_LOCAL.size)
    if len(head) < _LOCAL.size or not head.startswith(_LOCAL_SIGNATURE):
        return None
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(head)
    last = at + _LOCAL.size + name_length + extra_length + size
    if (flags, method, packed, extra_length) != (0, ZIP_STORED, size, _EXTRA.size):
        return None
    if name_length > _MAX_NAME or size > _MAX_BYTES or last > end:
        return None
    name, extra, payload = (stream.read(n) for n in (name_length, extra_length, size))
    if extra != _EXTRA.pack(_EXTRA_ID, 4, crc32(name)) or not _NAME.fullmatch(name):
        return None
    if len(payload) != size or crc32(payload) != crc:
        return None
    return _Raw(name.decode("ascii"), payload, at, last)


def _next_header(stream: BinaryIO, at: int, end: int) -> int:
    """Find where the next member may begin; `end` when none does."""
    overlap = len(_LOCAL_SIGNATURE) - 1
    while at < end:
        stream.seek(at)
        chunk = stream.read(min(_CHUNK, end - at))
        found = chunk.find(_LOCAL_SIGNATURE)
        if found >= 0:
            return at + found
        if len(chunk) <= overlap:
            break
        at += len(chunk) - overlap
    return end


def _directory(stream: BinaryIO, size: int) -> int | None:
    """Tell where the directory begins; None when the file does not end as it should."""
    at = size - _END.size
    if at < 0:
        return None
    stream.seek(at)
    signature, _, _, _, _, length, offset, comment = _END.unpack(stream.read(_END.size))
    if (signature, comment, offset + length) != (_END_SIGNATURE, 0, at):
        return None
    stream.seek(offset)
    return int(offset) if stream.read(len(_ENTRY_SIGNATURE)) == _ENTRY_SIGNATURE else None


def _read_manifest(payload: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(payload, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError(f"its manifest cannot be read: {error}") from None
    if manifest.format != FORMAT:
        raise ContractError(f"its manifest is of format '{manifest.format[:40]}', not {FORMAT}")
    if manifest.version != VERSION:
        raise ContractError(
            f"written in version {manifest.version}, this program reads {VERSION}: update it"
        )
    if not topics.GATEWAY_ID.fullmatch(manifest.gateway):
        raise ContractError(f"its manifest names no gateway: '{manifest.gateway[:80]}'")
    if not topics.EPOCH.fullmatch(manifest.epoch):
        raise ContractError(f"its manifest names no outbox: '{manifest.epoch[:80]}'")
    _check(manifest.ranges)
    return manifest


def _check(found: Sequence[tuple[int, int]]) -> None:
    check_ranges(list(found))
    ends = [0, *(number for span in found for number in span)]
    if any(ends[i] >= ends[i + 1] for i in range(0, len(ends) - 1, 2)):
        raise ContractError("its manifest names batches out of order")
    if sum(last - first + 1 for first, last in found) > MAX_BATCHES:
        raise ContractError(f"its manifest names more than {MAX_BATCHES} batches")
