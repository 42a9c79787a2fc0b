"""What is told of each datastream beside its newest value, kept written until the catalog changes.

On PostgreSQL a change is seen by the transactions that wrote the rows (`xmin`), whoever made it.
SQLite tells no such thing: there the catalog is read for each answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import Connection

from server.api import queries
from server.store.port import Int32s
from server.store.reading.binary import Arrays, Ask

_TABLES = ("datastream", "thing", "site", "observed_property", "deployment", "sensor")
# A number by what wrote each row, and how many there are.
_ONE = "(SELECT COALESCE(sum(hashint8(xmin::text::bigint)), 0) + count(*) * 1000003 FROM {})"
VERSION = Ask(
    "SELECT " + ", ".join(map(_ONE.format, _TABLES)), (), tuple((one, "long") for one in _TABLES)
)

Version = Sequence[int] | None


@dataclass(frozen=True, slots=True, eq=False)
class WrittenCatalog:
    """Datastreams by ascending id: the beginning of each one's JSON object, and its site.

    `digest` tells it from any other.
    """

    version: Version
    digest: bytes
    datastream_id: Int32s
    beginnings: Sequence[bytes]
    sites: Sequence[str]


class CatalogKeeper:
    """Keeps the catalog written; for many threads."""

    def __init__(self) -> None:
        self._kept: WrittenCatalog | None = None

    def read(self, connection: Connection, found: Arrays | None) -> WrittenCatalog:
        """Give the catalog as this transaction sees it; `found` is what it answers to `VERSION`."""
        version = None if found is None else [int(found[one][0]) for one in _TABLES]
        kept = self._kept
        if kept is None or version is None or kept.version != version:
            kept = self._kept = _write(connection, version)
        return kept


def _write(connection: Connection, version: Version) -> WrittenCatalog:
    rows = queries.datastream_rows(connection)
    beginnings = [_beginning(row) for row in rows]
    return WrittenCatalog(
        version,
        sha256(b"".join(beginnings)).digest(),
        np.array([row["id"] for row in rows], dtype=np.int32),
        beginnings,
        [row["site"] for row in rows],
    )


def _beginning(row: dict[str, Any]) -> bytes:
    return msgspec.json.encode(row)[:-1]
