"""What a part's writer is given, and what every writer can do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from server.export.blocks import Block
from server.export.metadata import Series, Site
from server.export.plan import Part
from server.export.query import Query
from server.store.port import Int64s


@dataclass(frozen=True, slots=True)
class Export:
    """What all parts of an export share. `software` is name and version; `created_ms` its start."""

    query: Query
    site: Site
    software: str
    created_ms: int


class Rows(Protocol):
    """The rows of a part's period, all as they were at one moment."""

    def blocks(self, series: Series) -> Iterator[Block]:
        """Give the rows of a series in order of time; to be called once for each series."""
        ...

    def times(self, series: Sequence[Series]) -> Int64s:
        """Give every instant at which one of these series has a row, in order, each once."""
        ...


class PartWriter(Protocol):
    """Writes parts in one format."""

    def write(self, path: Path, part: Part, rows: Rows) -> None:
        """Write a part into a new file; the same rows give the same bytes. Raises OSError."""
        ...
