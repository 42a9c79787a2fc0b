"""Write plain data as TOML: scalars first, then tables and arrays of tables, as people write it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Table = Mapping[str, Any]


def dumps(table: Table) -> str:
    """Write a table; knows strings, numbers, booleans, tables and lists of tables."""
    return "\n".join(_lines(table, ())) + "\n"


def _lines(table: Table, path: Sequence[str]) -> Iterator[str]:
    for key, value in table.items():
        if not isinstance(value, Mapping | list):
            yield f"{key} = {_scalar(value)}"
    for key, value in table.items():
        name = ".".join((*path, key))
        if isinstance(value, Mapping):
            yield from ("", f"[{name}]", *_lines(value, (*path, key)))
        elif isinstance(value, list):
            for item in value:
                yield from ("", f"[[{name}]]", *_lines(item, (*path, key)))


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return repr(value)
    raise TypeError(f"no TOML for {value!r}")
