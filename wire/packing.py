"""How the text of a batch is packed: by zlib with our dictionary, or by bzip2 if that is shorter.

Words and names are most of a short batch, and the dictionary has them (dictionary.py). A long one
is mostly digits, which bzip2 packs better: it brings together what stands before the same digits,
and changes its codes every 50 symbols. What a payload is, its first bytes say: "BZh" or zlib's
header (RFC 1950), which never begins so.
"""

import bz2
import re

from wire import dictionary
from wire.errors import ContractError

# Where bzip2 begins to be shorter: 2,400 readings of 20 series, 1,500 of one (decision 0022).
BZIP2_FROM_BYTES = 5_000
# 100,000 bytes a block: takes 1.2 MB to pack and 0.5 MB to unpack (bzip2(1), memory management).
# A day of 20 series by the minute is one block.
_LEVEL = 1
_MAGIC, _HEAD = b"BZh", re.compile(rb"BZh([1-9])")


def pack(text: bytes) -> bytes:
    """Pack a text as short as it gets; the same text gives the same bytes."""
    payload = dictionary.compress(text)
    if len(text) < BZIP2_FROM_BYTES:
        return payload
    return min(payload, bz2.compress(text, _LEVEL), key=len)


def unpack(payload: bytes, most: int) -> bytes | None:
    """Unpack either kind; None if over `most` bytes, and never makes more than that.

    Raises ContractError for what is neither, is cut short or is followed by something else.
    """
    if not payload.startswith(_MAGIC):
        return dictionary.decompress(payload, most)
    stream = bz2.BZ2Decompressor()
    try:
        text = stream.decompress(payload, most + 1)
    except OSError as error:
        raise ContractError(f"not bzip2 data: {error}") from None
    if len(text) > most:
        return None
    if not stream.eof or stream.unused_data:
        raise ContractError("bzip2 data is cut short or followed by something else")
    return text


def bzip2_level(payload: bytes) -> int | None:
    """Read with what block size, 1 to 9, a payload was packed by bzip2; None for other data."""
    found = _HEAD.match(payload)
    return int(found[1]) if found else None
