r"""What an expression of a catalogue entry may cost.

Python's expressions try every way to match. Repeating what itself repeats, as in `(\d+,?)+x`, has
ways beyond number on a line that does not match: one line of noise would stop the bus. Repeats of
what matches nearly anything, as in `.*,.*,.*,.*`, multiply. Both are refused; what remains costs a
low power of a line's length, and lines are short.
"""

import re
from dataclasses import dataclass

MAX_PATTERN_LENGTH = 500
MAX_BROAD_REPEATS = 2

_REPEAT = re.compile(r"[*+?]|\{(?P<low>\d*)(?P<comma>,?)(?P<high>\d*)\}")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_OPENING = re.compile(r"\((?:\?(?:P<\w+>|[:=!>]|<[=!]|[aiLmsux-]+:))?")
_BROAD = {".", r"\S", r"\D", r"\W"}


@dataclass(slots=True)
class _Group:
    start: int
    is_free: bool = False  # holds a repeat or a choice


def costly_part(pattern: str) -> str:
    """Give the part of an expression that would take too long on a line of noise, or "".

    The expression must be one that compiles.
    """
    groups = [_Group(0)]
    broad = at = 0
    while at < len(pattern):
        start, at = at, _end_of_atom(pattern, at, groups)
        group = groups.pop() if pattern[start] == ")" and len(groups) > 1 else None
        groups[-1].is_free |= group is not None and group.is_free
        repeat = _REPEAT.match(pattern, at)
        if repeat is None:
            continue
        atom, at = pattern[start:at], repeat.end()
        if group is not None and group.is_free and _is_many(repeat):
            return pattern[group.start : at]
        groups[-1].is_free |= _is_open(repeat)
        broad += _is_open(repeat) and atom in _BROAD
        if broad > MAX_BROAD_REPEATS:
            return pattern[start:at]
    return ""


def _end_of_atom(pattern: str, at: int, groups: list[_Group]) -> int:
    """Pass over one character, class, escape or bracket, and note what it opens."""
    found: re.Match[str] | None = None
    match pattern[at]:
        case "\\":
            return at + 2
        case "[":
            found = _CLASS.match(pattern, at)
        case "(":
            groups.append(_Group(at))
            found = _OPENING.match(pattern, at)
        case "|":
            groups[-1].is_free = True
    return found.end() if found else at + 1


def _is_many(repeat: re.Match[str]) -> bool:
    """Tell whether a repeat can happen more than once."""
    most = repeat["high"] or ("" if repeat["comma"] else repeat["low"])
    return repeat[0] in ("*", "+") or (repeat[0] != "?" and (not most or int(most) > 1))


def _is_open(repeat: re.Match[str]) -> bool:
    """Tell whether it can happen a varying number of times, more than once."""
    return _is_many(repeat) and (repeat[0] in ("*", "+") or bool(repeat["comma"]))
