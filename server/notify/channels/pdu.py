"""SMS-SUBMIT as bytes (3GPP TS 23.040), in the default alphabet or UCS-2 (TS 23.038). Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from server.words.sms import ALPHABET, ESCAPE, EXTENSION, SEPTETS, SEPTETS_A_PART

_Unit = TypeVar("_Unit", int, bytes)

_CODES = {letter: code for code, letter in enumerate(ALPHABET) if code != ESCAPE}

_BYTES, _BYTES_A_PART = 140, 134
_MOST_PARTS = 255

_SUBMIT, _WITH_HEADER = 0x01, 0x40
_INTERNATIONAL = 0x91
_DEFAULT_ALPHABET, _UCS2 = 0x00, 0x08


def parts_of(number: str, text: str, reference: int) -> list[bytes]:
    """Write a text as one SMS, or several that a telephone puts together again.

    `number` is as E.164 has it; `reference` (0 to 255) tells the parts of one text from those of
    another. The first byte of each stands for the modem's own service centre.
    """
    septets = _septets(text)
    if septets is not None:
        return _in_alphabet(number, septets, reference)
    return _in_ucs2(number, text.encode("utf-16-be"), reference)


def _septets(text: str) -> list[int] | None:
    """Write a text in the default alphabet; None when it has other letters."""
    found: list[int] = []
    for letter in text:
        if letter in _CODES:
            found.append(_CODES[letter])
        elif letter in EXTENSION:
            found += (ESCAPE, EXTENSION[letter])
        else:
            return None
    return found


def _in_alphabet(number: str, septets: list[int], reference: int) -> list[bytes]:
    if len(septets) <= SEPTETS:
        return [_submit(number, _DEFAULT_ALPHABET, len(septets), pack(septets))]
    pieces = list(_pieces(septets, SEPTETS_A_PART, lambda one: one == ESCAPE))
    parts = []
    for at, piece in enumerate(pieces):
        # The header's six bytes take seven septets, one bit of which is left over.
        packed = pack([0] * 7 + list(piece))[6:]
        header = _header(reference, len(pieces), at)
        body = header + bytes([packed[0] & 0xFE]) + packed[1:]
        parts.append(_submit(number, _DEFAULT_ALPHABET, 7 + len(piece), body, parted=True))
    return parts


def _in_ucs2(number: str, data: bytes, reference: int) -> list[bytes]:
    if len(data) <= _BYTES:
        return [_submit(number, _UCS2, len(data), data)]
    units = [data[at : at + 2] for at in range(0, len(data), 2)]
    pieces = list(_pieces(units, _BYTES_A_PART // 2, lambda one: 0xD8 <= one[0] < 0xDC))
    parts = []
    for at, piece in enumerate(pieces):
        body = _header(reference, len(pieces), at) + b"".join(piece)
        parts.append(_submit(number, _UCS2, len(body), body, parted=True))
    return parts


def _pieces(
    units: Sequence[_Unit], most: int, begins_a_pair: Callable[[_Unit], bool]
) -> Iterator[Sequence[_Unit]]:
    """Cut, but never between the two halves of one letter."""
    at = 0
    while at < len(units):
        end = min(at + most, len(units))
        if end < len(units) and begins_a_pair(units[end - 1]):
            end -= 1
        yield units[at:end]
        at = end


def _header(reference: int, count: int, at: int) -> bytes:
    """Write the user data header of a part (9.2.3.24.1): concatenated, 8-bit reference."""
    if count > _MOST_PARTS:
        raise ValueError("a text of more than 255 parts")
    return bytes([5, 0, 3, reference, count, at + 1])


def _submit(number: str, coding: int, length: int, data: bytes, *, parted: bool = False) -> bytes:
    digits = number.removeprefix("+")
    padded = digits + "F" * (len(digits) % 2)
    address = bytes.fromhex("".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2)))
    first = _SUBMIT | (_WITH_HEADER if parted else 0)
    return (
        bytes([0, first, 0, len(digits), _INTERNATIONAL])
        + address
        + bytes([0, coding, length])
        + data
    )


def pack(septets: list[int]) -> bytes:
    """Pack seven-bit codes, the first in the lowest bits (TS 23.038, 6.1.2.1)."""
    number = 0
    for at, septet in enumerate(septets):
        number |= septet << (7 * at)
    return number.to_bytes((7 * len(septets) + 7) // 8, "little")
