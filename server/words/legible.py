"""Names that gateways and people gave, made fit to stand in a line that others read. Pure."""

import unicodedata

# Longer ones leave no room for what is to be said; inventories may hold 200 letters.
MOST_LETTERS = 80
# Controls, what turns the direction of all that follows, halves of letters, private letters: none
# can be read, and XML may hold few of them (XML 1.0, 2.2). Ends of lines and paragraphs, too.
_ILLEGIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# These two join letters or keep them apart, in Arabic and Mongolian script; they show nothing.
_JOINERS = "\u200c\u200d"


def legible(text: str, most: int = MOST_LETTERS) -> str:
    """Give a text in one line without what cannot be read; a longer one ends in "…"."""
    kept = "".join(one if is_legible(one) else " " for one in text)
    line = " ".join(kept.split())
    return line if len(line) <= most else f"{cut(line, most - 1)}…"


def is_legible(letter: str) -> bool:
    """Tell whether a letter shows, or shapes its neighbours."""
    return letter in _JOINERS or unicodedata.category(letter) not in _ILLEGIBLE


def cut(text: str, most: int) -> str:
    """Cut a text to so many letters at most, but never between a letter and its marks."""
    if len(text) <= most:
        return text
    end = max(0, most)
    while end and _belongs(text[end - 1], text[end]):
        end -= 1
    return text[:end].rstrip()


def _belongs(before: str, letter: str) -> bool:
    """Tell whether a letter is part of what stands before it (UAX #29, GB9 and GB11, nearly)."""
    return before in _JOINERS or letter in _JOINERS or unicodedata.category(letter).startswith("M")
