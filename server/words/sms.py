"""How much an SMS holds (3GPP TS 23.038 and 23.040): of plain letters 160, of any others 70. Pure.

Longer texts go in parts, which each are paid for: of 153 plain letters, or of 67 others.
"""

from server.words.legible import cut

# TS 23.038, 6.2.1: the place of a letter is its code. 0x1B begins the letters of the extension.
ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {"^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E,
             "|": 0x40, "€": 0x65}  # fmt: skip
ESCAPE = 0x1B
SEPTETS, SEPTETS_A_PART = 160, 153
UNITS, UNITS_A_PART = 70, 67

# What is paid for at most: all that is to be said has room in it in each of our languages.
MOST_PLAIN_PARTS, MOST_OTHER_PARTS = 2, 4
# One letter that is not plain makes the whole text cost twice: these are as well written so.
_PLAINLY = str.maketrans({
    "°": " ", "µ": "u", "²": "2", "³": "3", "…": "...", "\u2018": "'", "\u2019": "'",
    "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2212": "-",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ",
})  # fmt: skip
_PLAIN = frozenset(ALPHABET) - {chr(ESCAPE)}


def plainly(text: str) -> str:
    """Write a text in plain letters if that is possible; else give it as it is."""
    plain = " ".join(text.translate(_PLAINLY).split())
    return plain if is_plain(plain) else text


def is_plain(text: str) -> bool:
    """Tell whether a text can be sent in the default alphabet."""
    return all(one in _PLAIN or one in EXTENSION for one in text)


def parts(text: str) -> int:
    """Count the SMS that a text takes, as if no letter lay across the end of one."""
    whole, each = (SEPTETS, SEPTETS_A_PART) if is_plain(text) else (UNITS, UNITS_A_PART)
    units = _units(text)
    return 1 if units <= whole else -(-units // each)


def fits(text: str) -> bool:
    """Tell whether a text is no longer than what we pay for."""
    return parts(text) <= (MOST_PLAIN_PARTS if is_plain(text) else MOST_OTHER_PARTS)


def fitted(text: str, end: str) -> str:
    """Cut a text so that it fits with its end, and say by "..." that there was more."""
    if fits(text + end):
        return text + end
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(text[:middle] + "..." + end) else (low, middle - 1)
    return f"{cut(text, low)}...{end}"


def _units(text: str) -> int:
    """Count septets, or halves of UTF-16: letters of the extension and rare ones take two."""
    if is_plain(text):
        return len(text) + sum(one in EXTENSION for one in text)
    return len(text.encode("utf-16-be", "surrogatepass")) // 2
