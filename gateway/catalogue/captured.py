"""What a technician captured from an instrument, as text or as hex, turned into bytes."""

import re

from gateway.errors import SensorError

_HEX_PAIRS = re.compile(r"(?:0x)?[0-9A-Fa-f]{2}(?:[\s,:]*(?:0x)?[0-9A-Fa-f]{2})*")
_NAMES = {"<STX>": 2, "<ETX>": 3, "<TAB>": 9, "<LF>": 10, "<CR>": 13}
_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})|\\([rnt])|(<(?:STX|ETX|TAB|LF|CR)>)")
_LETTERS = {"r": 13, "n": 10, "t": 9}


def text_bytes(text: str) -> bytes:
    r"""Read an answer of an instrument that sends text; `<STX>`, `\x02` and `\r` may stand in it.

    Raises SensorError for what is no ASCII.
    """
    try:
        return _ESCAPE.sub(_control, text).encode("ascii")
    except UnicodeEncodeError:
        raise SensorError(
            f"the answer {text[:40]!r} holds a character that is not ASCII: write control "
            r"characters as <STX> or \x02"
        ) from None


def hex_bytes(text: str) -> bytes:
    """Read bytes as serial tools show them: `01 03 06`, `010306`, `0x01, 0x03`."""
    if not _HEX_PAIRS.fullmatch(text.strip()):
        raise SensorError(f"the answer {text[:40]!r} is no hex: write the bytes as 01 03 06 01 EF")
    return bytes.fromhex(re.sub(r"0x|[\s,:]", "", text))


def _control(found: re.Match[str]) -> str:
    code, letter, name = found.groups()
    if code:
        return chr(int(code, 16))
    return chr(_LETTERS[letter] if letter else _NAMES[name])
