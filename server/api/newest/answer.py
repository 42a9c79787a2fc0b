"""Writes the newest observations as JSON: each datastream's beginning, and its newest value.

Columns are written whole and put together in one go, each text that many rows share only once: row
by row the same takes three times as long.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from itertools import chain

import msgspec
import numpy as np
from numpy.typing import NDArray

from server.api.instants import isos
from server.api.newest.catalog import WrittenCatalog
from server.api.schemas import failing_tests, flag_word
from server.store.port import Floats, Int64s
from server.store.reading.newest import Newest

_VALUE = b',"time":%b,"value":'
_JUDGED = b',"quality":%b,"flag":%b,"tests":%b,"reason":%b,"received_at":'
_NOTHING = _JUDGED % (b"null", b"null", b"[]", b'""')
_SOFTWARE = version("saxaul").encode()


@dataclass(frozen=True, slots=True)
class Part:
    """Which datastreams: those of a site or all, after an id, so many at most."""

    site: str | None
    after: int
    limit: int


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The datastreams of a part, by their row in the catalog; `last_id` if more of them follow."""

    catalog: WrittenCatalog
    newest: Newest
    rows: NDArray[np.intp]
    last_id: int | None

    def tag(self, following: str | None) -> bytes:
        """Tell what it says from anything else it may say, without writing it."""
        newest = self.newest
        told = sha256(self.catalog.digest)
        columns = (newest.time_ms, newest.value, newest.quality, newest.received_ms)
        for column in (newest.datastream_id, *columns, self.rows):
            told.update(column.tobytes())
        told.update(repr((sorted(newest.reasons.items()), following)).encode() + _SOFTWARE)
        return told.digest()

    def body(self, following: str | None) -> bytes:
        """Write it as one document, with the address of what follows."""
        parts = [b'{"items":[', *chain.from_iterable(self._columns())]
        if len(self.rows):
            parts[-1] = parts[-1][:-1]  # no comma behind the last
        parts.append(b'],"next":%b}' % msgspec.json.encode(following))
        return b"".join(parts)

    def _columns(self) -> Iterable[tuple[bytes, ...]]:
        """Give each row's texts; behind the newest values comes what is told without one."""
        newest = self.newest
        ids = self.catalog.datastream_id[self.rows]
        at = np.searchsorted(newest.datastream_id, ids)
        found = np.append(newest.datastream_id, -1)[at] == ids
        at = np.where(found, at, len(newest.datastream_id))
        beginnings = self.catalog.beginnings
        return zip(
            [beginnings[row] for row in self.rows.tolist()],
            _picked(_instants(newest.time_ms, _VALUE), at, _VALUE % b"null"),
            _picked(_numbers(newest.value), at, b"null"),
            _picked(_judged(newest), at, _NOTHING),
            _picked(_instants(newest.received_ms, b"%b},"), at, b"null},"),
            strict=True,
        )


def choose(catalog: WrittenCatalog, newest: Newest, part: Part) -> Answer:
    """Find the datastreams of a part."""
    chosen = catalog.datastream_id > part.after
    if part.site is not None:
        chosen &= np.array([site == part.site for site in catalog.sites], dtype=bool)
    rows = np.flatnonzero(chosen)
    more = len(rows) > part.limit
    rows = rows[: part.limit]
    return Answer(catalog, newest, rows, int(catalog.datastream_id[rows[-1]]) if more else None)


def _picked(texts: Sequence[bytes], at: NDArray[np.intp], nothing: bytes) -> list[bytes]:
    every = np.array([*texts, nothing], dtype=object)
    picked: list[bytes] = every[at].tolist()
    return picked


def _judged(newest: Newest) -> list[bytes]:
    """Write quality and reason of each; nearly all have one of a few qualities, and no reason."""
    judged = {quality: _judgement(quality, "") for quality in np.unique(newest.quality).tolist()}
    texts = [judged[quality] for quality in newest.quality.tolist()]
    for id_, reason in newest.reasons.items():
        row = int(np.searchsorted(newest.datastream_id, id_))
        texts[row] = _judgement(int(newest.quality[row]), reason)
    return texts


def _judgement(quality: int, reason: str) -> bytes:
    told = (quality, flag_word(quality), failing_tests(quality), reason)
    return _JUDGED % tuple(map(msgspec.json.encode, told))


def _instants(times_ms: Int64s, form: bytes) -> list[bytes]:
    """Write instants; as a rule many rows share one."""
    each, which = np.unique(times_ms, return_inverse=True)
    texts = [form % msgspec.json.encode(text) for text in isos(each)]
    return [texts[index] for index in which.tolist()]


def _numbers(values: Floats) -> list[bytes]:
    """Write each number as JSON; NaN is null."""
    array = msgspec.json.encode(values.tolist())
    return array[1:-1].split(b",") if len(values) else []
