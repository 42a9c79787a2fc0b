"""A block: many payloads of one gateway, compressed together. Pure.

Layout: bz2 of a 4-byte big-endian length, a JSON head of three lists (ids, sizes, levels), and the
contents one after the other. A compressed payload stands there as plain text, with what makes the
same bytes of it again: 0 to 9 for zlib's level, 10 for the contract's own way of it
(wire/dictionary.py), 11 to 19 for bzip2's levels 1 to 9; -1 marks one that stands there as it came.
"""

import bz2
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec

from wire import dictionary, packing
from wire.errors import ContractError

AS_IT_CAME = -1
BY_THE_CONTRACT = 10
_BY_BZIP2 = 10  # and its level

# What other encoders use.
_LEVELS = (9, 6, 1)
# Where decompressed payloads would come to more than this, the others stand as they came: a hundred
# kilobytes of blanks may have been made of a hundred megabytes.
MAX_PLAIN_BYTES = 8 * 1024 * 1024
_HEAD_BYTES = 4


@dataclass(frozen=True, slots=True)
class Kept:
    """A payload read back. `is_whole` tells that nothing was cut from it when it came.

    Its bytes are those that came; only when this Python's zlib (or bzip2) compresses otherwise than
    the one that packed it are they another compression of the same content.
    """

    payload: bytes
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """A payload to be packed: its journal id, its bytes, and the SHA-256 of what came."""

    id: int
    payload: bytes
    digest: bytes


class _Head(msgspec.Struct, array_like=True):
    ids: list[int]
    sizes: list[Annotated[int, msgspec.Meta(ge=0)]]
    levels: list[Annotated[int, msgspec.Meta(ge=AS_IT_CAME, le=_BY_BZIP2 + 9)]]


def pack(slots: Sequence[Slot]) -> bytes:
    """Compress payloads together."""
    contents: list[tuple[bytes, int]] = []
    room = MAX_PLAIN_BYTES
    for slot in slots:
        contents.append(_content(slot, room))
        room -= len(contents[-1][0])
    head = msgspec.json.encode(
        _Head(
            ids=[slot.id for slot in slots],
            sizes=[len(content) for content, _ in contents],
            levels=[level for _, level in contents],
        )
    )
    body = b"".join(content for content, _ in contents)
    return bz2.compress(len(head).to_bytes(_HEAD_BYTES) + head + body)


def unpack(data: bytes, digests: Mapping[int, bytes]) -> Iterator[tuple[int, Kept]]:
    """Read those payloads of a block whose digests are given, with their ids.

    Raises ValueError (OSError from bz2 included) for what is no block.
    """
    plain = bz2.decompress(data)
    start = _HEAD_BYTES + int.from_bytes(plain[:_HEAD_BYTES])
    try:
        head = msgspec.json.decode(plain[_HEAD_BYTES:start], type=_Head)
    except msgspec.MsgspecError as error:
        raise ValueError(f"no block of payloads: {error}") from None
    for slot_id, size, level in zip(head.ids, head.sizes, head.levels, strict=True):
        content, start = plain[start : start + size], start + size
        if slot_id in digests:
            yield slot_id, _kept(content, level, digests[slot_id])


def keep(payload: bytes, digest: bytes) -> Kept:
    """Describe a payload that was never packed."""
    return Kept(payload, sha256(payload).digest() == digest)


def _kept(content: bytes, level: int, digest: bytes) -> Kept:
    if level == AS_IT_CAME:
        return keep(content, digest)
    # That it was whole was proved when it was packed, and bz2 checks what it gives back.
    return Kept(_compressed(content, level), is_whole=True)


def _content(slot: Slot, room: int) -> tuple[bytes, int]:
    """Give what stands in the block for a payload: text and level if they prove to rebuild it."""
    plain = _decompressed(slot.payload, room)
    if plain is not None:
        for level in _ways(slot.payload):
            if sha256(_compressed(plain, level)).digest() == slot.digest:
                return plain, level
    return slot.payload, AS_IT_CAME


def _ways(payload: bytes) -> Sequence[int]:
    """Tell what may have packed it: bzip2 data names its level, zlib data its dictionary."""
    level = packing.bzip2_level(payload)
    if level is not None:
        return (_BY_BZIP2 + level,)
    return (BY_THE_CONTRACT,) if dictionary.is_named_in(payload) else _LEVELS


def _compressed(plain: bytes, level: int) -> bytes:
    if level > BY_THE_CONTRACT:
        return bz2.compress(plain, level - _BY_BZIP2)
    by_the_contract = level == BY_THE_CONTRACT
    return dictionary.compress(plain) if by_the_contract else zlib.compress(plain, level)


def _decompressed(payload: bytes, room: int) -> bytes | None:
    """Decompress what is whole and finds room."""
    if room <= 0:
        return None
    try:
        return packing.unpack(payload, room)
    except ContractError:
        return None
