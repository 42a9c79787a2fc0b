"""Typed TOML: text into a tree of structs, refusing what it does not know by name and line.

Shared by every file a person writes: gateway.toml, server.toml, scenarios and catalogue entries.
"""

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec

from wire.errors import ConfigError

T = TypeVar("T")

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-.\"' ]+?)\s*=")
_DECODE_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")
_MISSING = re.compile(r"missing required field `([^`]+)`")
_PATH = re.compile(r" - at `\$?([^`]*)`$")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def parse(text: str, kind: type[T], source: str) -> T:
    """Read TOML text into `kind` (a msgspec struct); raises ConfigError naming `source` and line.

    Decimals keep the digits that were written: a scale of 0.1 is exactly one tenth.
    """
    try:
        tree = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        found = _DECODE_LINE.search(str(error))
        line = int(found[1]) if found else len(text.splitlines())
        raise ConfigError(
            source, f"not valid TOML: {_DECODE_LINE.sub('', str(error))}", line
        ) from None
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise _explain(str(error), text, kind, source) from None


def _explain(message: str, text: str, kind: type, source: str) -> ConfigError:
    found = _PATH.search(message)
    path = _steps(found[1]) if found else ()
    plain = _PATH.sub("", message)
    lines = key_lines(text)
    unknown = _UNKNOWN.search(plain)
    if unknown:
        path = (*path, unknown[1])
        plain = f"unknown key '{unknown[1]}'{_suggest(unknown[1], kind, path)}"
    elif missing := _MISSING.search(plain):
        plain = f"the key '{missing[1]}' is missing"
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(
        "."
    )
    if place and not unknown:
        plain = f"{place}: {plain}"
    return ConfigError(source, plain, nearest_line(lines, path))


def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(int(index) if index else name for name, index in _STEP.findall(path))


def nearest_line(
    lines: Mapping[tuple[str | int, ...], int], path: tuple[str | int, ...]
) -> int | None:
    """Find the line of a key, or of the table nearest above it."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def _suggest(unknown: str, kind: type, path: tuple[str | int, ...]) -> str:
    """Offer the known key that looks most like the unknown one, or list what is allowed."""
    known = _known_keys(kind, path[:-1])
    close = get_close_matches(unknown, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known here: {', '.join(sorted(known))}" if known else ""


def _known_keys(kind: Any, path: tuple[str | int, ...]) -> list[str]:
    info = msgspec.inspect.type_info(kind)
    for step in path:
        info = _descend(info, step)
    return (
        [field.encode_name for field in info.fields]
        if isinstance(info, msgspec.inspect.StructType)
        else []
    )


def _descend(info: msgspec.inspect.Type, step: str | int) -> msgspec.inspect.Type:
    if isinstance(info, msgspec.inspect.UnionType):
        info = next((t for t in info.types if not isinstance(t, msgspec.inspect.NoneType)), info)
    if isinstance(info, msgspec.inspect.StructType):
        return next((f.type for f in info.fields if f.encode_name == step), info)
    if isinstance(info, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
        return info.item_type
    return info.value_type if isinstance(info, msgspec.inspect.DictType) else info


def key_lines(text: str) -> dict[tuple[str | int, ...], int]:
    """Map each key's path, such as ("bus", 0, "port"), to its 1-based line in `text`.

    Only for telling a person where to look: what is inside an inline table maps to its first line.
    """
    lines: dict[tuple[str | int, ...], int] = {}
    counts: dict[tuple[str | int, ...], int] = {}
    prefix: tuple[str | int, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if table := _TABLE.match(line):
            prefix = _table_path(table[2], counts, array=table[1] == "[[")
            lines[prefix] = number
        elif key := _KEY.match(line):
            lines.setdefault((*prefix, *_dotted(key[1])), number)
    return lines


def _table_path(
    header: str, counts: dict[tuple[str | int, ...], int], *, array: bool
) -> tuple[str | int, ...]:
    """Resolve a header such as `bus.sensor` to the newest element of every array on the way."""
    path: tuple[str | int, ...] = ()
    names = _dotted(header)
    for name in names[:-1]:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path] - 1)
    path = (*path, names[-1])
    if array:
        counts[path] = counts.get(path, 0) + 1
        path = (*path, counts[path] - 1)
    return path


def _dotted(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in key.split("."))
