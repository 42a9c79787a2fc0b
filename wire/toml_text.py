"""Typed TOML: text into a tree of structs, refusing what it does not know by name and line.

Shared by every file a person writes: gateway.toml, server.toml, scenarios and catalogue entries.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeAlias, TypeVar, get_args, get_type_hints

import msgspec

from wire.errors import ConfigError

T = TypeVar("T")

# Editors of Windows begin a file in UTF-8 with it.
_BOM = "\ufeff"

Path: TypeAlias = tuple[str | int, ...]
"""Where a key is: the names above it, and the places in arrays from 0, such as ("bus", 0, "id")."""

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-.\"' ]+?)\s*=")
_DECODE_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")
_MISSING = re.compile(r"missing required field `([^`]+)`")
_PATH = re.compile(r" - at `\$?([^`]*)`$")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_EXPECTED = re.compile(r"Expected `(\w+)[^`]*`, got .*")
_ONCE = "Expected `array`, got `object`"
_LENGTH = re.compile(r"`array` of length (>= )?(\d+)")

# What to write where msgspec expects a type.
_WANTED = {
    "str": "a text in quotes",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "array": "a list in [ ]",
    "object": "a table",
}


def parse(text: str, kind: type[T], source: str) -> T:
    """Read TOML text into `kind` (a msgspec struct); raises ConfigError naming `source` and line.

    Decimals keep the digits that were written: a scale of 0.1 is exactly one tenth.
    """
    tree = tree_of(text, source)
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise _explain(str(error), text, kind, source) from None


class Misfit(NamedTuple):
    """What does not fit a type: where in the tree, in which line, what it is and the remedy."""

    path: Path
    line: int | None
    message: str


def misfits(tree: dict[str, Any], text: str, kind: type) -> list[Misfit]:
    """Find all that keeps a tree, read from `text`, from being a `kind`."""
    return [_told(message, text, kind, path) for path, message in _misfits(tree, kind, ())]


def faults(text: str, kind: type, source: str) -> list[ConfigError]:
    """Find all that keeps TOML text from being read into `kind`, not only the first."""
    try:
        tree = tree_of(text, source)
    except ConfigError as error:
        return [error]
    found = misfits(tree, text, kind)
    return [ConfigError(source, one.message, one.line) for one in found]


def tree_of(text: str, source: str) -> dict[str, Any]:
    """Read TOML text as it stands; raises ConfigError for what is none."""
    try:
        return tomllib.loads(text.removeprefix(_BOM), parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        found = _DECODE_LINE.search(str(error))
        line = int(found[1]) if found else len(text.splitlines())
        raise ConfigError(
            source, f"not valid TOML: {_DECODE_LINE.sub('', str(error))}", line
        ) from None


def _misfits(value: Any, kind: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Go down the tree, each table by itself, and tell what msgspec says of each, and where."""
    table = _table_of(kind)
    if table is not None and isinstance(value, list):
        inner = [one for at, item in enumerate(value) for one in _misfits(item, table, (*path, at))]
        yield from inner or _misfit(value, kind, path)
    elif table is not None and isinstance(value, dict) and not _is_array(kind):
        yield from _misfits_of_table(value, table, path)
    else:
        yield from _misfit(value, kind, path)


def _misfits_of_table(
    value: dict[str, Any], table: type[msgspec.Struct], path: Path
) -> Iterator[tuple[Path, str]]:
    kinds = get_type_hints(table, include_extras=True)
    for field in msgspec.structs.fields(table):
        if field.encode_name in value:
            yield from _misfits(
                value[field.encode_name], kinds[field.name], (*path, field.encode_name)
            )
        elif field.required:
            yield path, f"Object missing required field `{field.encode_name}`"
    known = {field.encode_name for field in msgspec.structs.fields(table)}
    if table.__struct_config__.forbid_unknown_fields:
        for key in sorted(value.keys() - known):
            yield path, f"Object contains unknown field `{key}`"


def _table_of(kind: Any) -> type[msgspec.Struct] | None:
    """Find the struct in a type such as `X | None`, `list[X]` or `Annotated[list[X], ...]`."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next((found for one in get_args(kind) if (found := _table_of(one))), None)


def _is_array(kind: Any) -> bool:
    """Tell whether a type that holds a struct is a list of them."""
    return not isinstance(kind, type) and isinstance(
        _present(msgspec.inspect.type_info(kind)), msgspec.inspect.ListType
    )


def _misfit(value: Any, kind: Any, path: Path) -> Iterator[tuple[Path, str]]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield path, str(error)


def _explain(message: str, text: str, kind: type, source: str) -> ConfigError:
    found = _told(message, text, kind)
    return ConfigError(source, found.message, found.line)


def _told(message: str, text: str, kind: type, above: Path = ()) -> Misfit:
    """Say for people what msgspec says; `above` is where in the tree it was asked."""
    found = _PATH.search(message)
    path = (*above, *_steps(found[1])) if found else above
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
        plain = f"{place}: {plain}{_remedy(plain, kind, path)}"
    return Misfit(path, nearest_line(lines, path), plain)


def _remedy(message: str, kind: type, path: Path) -> str:
    """Say what to write instead, where the type tells it."""
    if message.startswith("Invalid enum value"):
        return f"; known: {', '.join(str(one) for one in _choices(_info_at(kind, path)))}"
    if counted := _LENGTH.search(message):
        return f"; give {'at least ' if counted[1] else ''}{counted[2]} values in [ ]"
    if message == _ONCE and _is_of_tables(_info_at(kind, path)):
        name = ".".join(step for step in path if isinstance(step, str))
        return f"; write [[{name}]], in double brackets"
    if message == "Invalid decimal string":
        return "; give a number"
    expected = _EXPECTED.fullmatch(message)
    wanted = _WANTED.get(expected[1]) if expected else None
    return f"; give {wanted}" if wanted else ""


def _is_of_tables(info: msgspec.inspect.Type) -> bool:
    return isinstance(info, msgspec.inspect.ListType) and isinstance(
        info.item_type, msgspec.inspect.StructType
    )


def _choices(info: msgspec.inspect.Type) -> list[object]:
    if isinstance(info, msgspec.inspect.LiteralType):
        return list(info.values)
    return [one.value for one in info.cls] if isinstance(info, msgspec.inspect.EnumType) else []


def _steps(path: str) -> Path:
    return tuple(int(index) if index else name for name, index in _STEP.findall(path))


def nearest_line(lines: Mapping[Path, int], path: Path) -> int | None:
    """Find the line of a key, or of the table nearest above it."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def _suggest(unknown: str, kind: type, path: Path) -> str:
    """Offer the known key that looks most like the unknown one, or list what is allowed."""
    known = _known_keys(kind, path[:-1])
    close = get_close_matches(unknown, known, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known here: {', '.join(sorted(known))}" if known else ""


def _known_keys(kind: Any, path: Path) -> list[str]:
    info = _info_at(kind, path)
    return (
        [field.encode_name for field in info.fields]
        if isinstance(info, msgspec.inspect.StructType)
        else []
    )


def _info_at(kind: Any, path: Path) -> msgspec.inspect.Type:
    """Describe the type that stands at a path."""
    info = _present(msgspec.inspect.type_info(kind))
    for step in path:
        info = _present(_descend(info, step))
    return info


def _present(info: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """Give the type of a value that may be left out."""
    if isinstance(info, msgspec.inspect.UnionType):
        return next((t for t in info.types if not isinstance(t, msgspec.inspect.NoneType)), info)
    return info


def _descend(info: msgspec.inspect.Type, step: str | int) -> msgspec.inspect.Type:
    if isinstance(info, msgspec.inspect.StructType):
        return next((f.type for f in info.fields if f.encode_name == step), info)
    if isinstance(info, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
        return info.item_type
    return info.value_type if isinstance(info, msgspec.inspect.DictType) else info


def key_lines(text: str) -> dict[Path, int]:
    """Map each key's path, such as ("bus", 0, "port"), to its 1-based line in `text`.

    Only for telling a person where to look: what is inside an inline table maps to its first line.
    """
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    prefix: Path = ()
    for number, line in enumerate(text.removeprefix(_BOM).splitlines(), start=1):
        if table := _TABLE.match(line):
            prefix = _table_path(table[2], counts, array=table[1] == "[[")
            lines[prefix] = number
        elif key := _KEY.match(line):
            lines.setdefault((*prefix, *_dotted(key[1])), number)
    return lines


def _table_path(header: str, counts: dict[Path, int], *, array: bool) -> Path:
    """Resolve a header such as `bus.sensor` to the newest element of every array on the way."""
    path: Path = ()
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
