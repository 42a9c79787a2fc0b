"""What has arrived in the database: asked often and cheaply, by SQL, not the server's code."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

_SERIES = "SELECT name, id FROM datastream WHERE gateway_id = {arg} AND source_id IS NULL"
_STORED = """
SELECT coalesce(sum(observations), 0) FROM journal WHERE gateway = {arg} AND status = 'stored'
AND first_time < {arg}
"""
_TWICE = """
SELECT gateway || ' ' || epoch || ' ' || seq FROM journal
WHERE status = 'stored' AND epoch IS NOT NULL GROUP BY gateway, epoch, seq HAVING count(*) > 1
"""
_VALUES = """
SELECT {time}, value FROM observation
WHERE datastream_id = {arg} AND time >= {arg} AND time < {arg} ORDER BY time
"""
_SINCE = (
    "SELECT datastream_id, {time} FROM observation WHERE datastream_id IN ({ids}) AND time > {arg}"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NOT_NOW = (sqlite3.OperationalError, psycopg.OperationalError)


class Witness:
    """Reads one database; for one thread. After any of NOT_NOW the next question connects anew."""

    def __init__(self, url: str) -> None:
        """Nothing is opened yet."""
        self._url = url
        self._is_sqlite = url.startswith("sqlite:///")
        self._db: Any = None
        self._series: dict[str, Mapping[str, int]] = {}

    def close(self) -> None:
        """Close the connection, if there is one. May be called twice."""
        if self._db is not None:
            with suppress(*NOT_NOW):
                self._db.close()
            self._db = None

    def stored(self, gateway: str, before_ms: int) -> int:
        """Count what the journal calls stored of batches that begin before an instant."""
        ((count,),) = self._ask(_STORED, gateway, self._instant(before_ms))
        return int(count)

    def stored_twice(self) -> list[str]:
        """Name the batches that were stored more than once."""
        return [row[0] for row in self._ask(_TWICE)]

    def values(
        self, gateway: str, name: str, from_ms: int, to_ms: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Read a series from one instant up to before another: times in ms, and values."""
        known = self._series_of(gateway)
        if name not in known:
            return np.empty(0, np.int64), np.empty(0)
        rows = self._ask(_VALUES, known[name], self._instant(from_ms), self._instant(to_ms))
        times, values = zip(*rows, strict=True) if rows else ((), ())
        return np.array(times, dtype=np.int64), np.array(values, dtype=np.float64)

    def since(self, gateway: str, instant_ms: int) -> set[tuple[str, int]]:
        """Name the readings after an instant that are there: datastream, and time in ms."""
        names = {id_: name for name, id_ in self._series_of(gateway).items()}
        if not names:
            return set()
        rows = self._ask(_SINCE, self._instant(instant_ms), ids=names)
        return {(names[id_], time_ms) for id_, time_ms in rows}

    def _series_of(self, gateway: str) -> Mapping[str, int]:
        if not self._series.get(gateway):
            self._series[gateway] = dict(self._ask(_SERIES, gateway))
        return self._series[gateway]

    def _instant(self, time_ms: int) -> int | datetime:
        return time_ms if self._is_sqlite else _EPOCH + timedelta(milliseconds=time_ms)

    def _ask(self, query: str, *values: object, ids: Iterable[int] = ()) -> Sequence[Any]:
        time = "time" if self._is_sqlite else "(extract(epoch FROM time) * 1000)::bigint"
        arg = "?" if self._is_sqlite else "%s"
        text = query.format(time=time, arg=arg, ids=",".join(map(str, ids)))
        try:
            found: Sequence[Any] = self._opened().execute(text, values).fetchall()
        except NOT_NOW:
            self.close()
            raise
        return found

    def _opened(self) -> Any:
        if self._db is None and self._is_sqlite:
            path = Path(self._url.removeprefix("sqlite:///")).absolute()
            self._db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)
        elif self._db is None:
            self._db = psycopg.connect(self._url, autocommit=True, connect_timeout=2)
        return self._db
