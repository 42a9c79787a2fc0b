"""Asks the running server, one question after the other, and notes how long it says it took.

A question comes some time after the one before it, not as soon as that is answered: then as much is
asked whether answers are quick or slow, and who asks does not take a core for itself. The times
between them vary by chance, so that they keep no step with anything else.
"""

import gzip
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import psycopg

from benchmarks.query_suite.past import DAY_MS, MINUTE_MS, Past
from deploy.errors import SetupError

_WARM_UP = 10
_TIMEOUT_S = 60.0
_SERIES = "/api/v1/series"
# As long a bucket as the server chooses for a year at 2,000 points.
_PEER = """
SELECT {bucket}('6 hours'::interval, time{origin}), avg(value), min(value), max(value), count(*)
FROM observation WHERE datastream_id = %s AND time >= to_timestamp(%s) AND time < to_timestamp(%s)
GROUP BY 1 ORDER BY 1
"""
_HAS_TIMESCALE = "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"

Parameters = Mapping[str, int | Sequence[int]]


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks a server at `url` about a past, each kind of question so many times.

    From one question to the next it takes `every_s` in the mean, or as long as the answer takes. As
    a browser does, it takes compressed answers.
    """

    url: str
    past: Past
    dense: Sequence[int]
    requests: int
    every_s: float

    def times_ms(self, turn: int = 0) -> dict[str, list[float]]:
        """Give the server times of each kind; raises SetupError for a wrong answer.

        What is asked, and when, depends on the turn.
        """
        return {
            "year_plot": self._ask(_SERIES, self._year, turn),
            "ten_series": self._ask(_SERIES, self._ten, turn),
            "latest_10k": self._ask("/api/v1/latest", lambda _: {}, turn),
        }

    def require_right(self) -> None:
        """Compare an answer with what was put in; raises SetupError."""
        with _connected(self.url) as connection:
            answer = _get(connection, _SERIES, self._year(random.Random(1))).json()
            (series,) = answer["series"]
            told = sum(series["n"])
            if told != self.past.days * 1440 or series["completeness"] != 1.0:
                raise SetupError(f"a year of a series has {told} observations in the answer")
            known = len(_get(connection, "/api/v1/latest", {}).json()["items"])
            if known < self.past.series:
                raise SetupError(f"{known} newest values are told")

    def _year(self, chance: random.Random) -> Parameters:
        series = chance.choice(self.dense)
        span = {"from": self.past.start_ms, "to": self.past.end_ms}
        return {"datastream": series, **span, "points": 2000}

    def _ten(self, chance: random.Random) -> Parameters:
        days = min(30, self.past.days)
        latest_ms = self.past.end_ms - days * DAY_MS
        from_ms = chance.randrange(self.past.start_ms, latest_ms + 1, MINUTE_MS)
        series = chance.sample(list(self.dense), 10)
        span = {"from": from_ms, "to": from_ms + days * DAY_MS}
        return {"datastream": series, **span, "points": 2000}

    def _ask(
        self, path: str, question: Callable[[random.Random], Parameters], turn: int
    ) -> list[float]:
        chance = random.Random(4 + turn)
        times = []
        with _connected(self.url) as connection:
            for _ in range(_WARM_UP + self.requests):
                next_s = time.monotonic() + self.every_s * chance.uniform(0.5, 1.5)
                times.append(_get(connection, path, question(chance)).server_ms)
                time.sleep(max(0.0, next_s - time.monotonic()))
        return times[_WARM_UP:]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came, as it was sent, and how long the server worked."""

    body: bytes
    encoding: str
    server_ms: float

    def json(self) -> dict[str, Any]:
        text = gzip.decompress(self.body) if self.encoding == "gzip" else self.body
        return msgspec.json.decode(text, type=dict[str, Any])


@contextmanager
def _connected(url: str) -> Iterator[HTTPConnection]:
    """Give one connection that is kept, as a browser's; raises SetupError when it breaks."""
    place = urlsplit(url)
    try:
        with closing(HTTPConnection(place.netloc, timeout=_TIMEOUT_S)) as connection:
            yield connection
    except (OSError, HTTPException) as error:
        raise SetupError(f"the server at {url} does not answer: {error}") from error


def _get(connection: HTTPConnection, path: str, parameters: Parameters) -> _Answer:
    address = f"{path}?{urlencode(parameters, doseq=True)}"
    connection.request("GET", address, headers={"Accept-Encoding": "gzip"})
    with connection.getresponse() as response:
        body = response.read()
        if response.status != HTTPStatus.OK:
            raise SetupError(f"{path} answers {response.status}: {body[:200]!r}")
        header = response.headers
        took_ms = server_ms(header["server-timing"])
        return _Answer(body, header.get("content-encoding", ""), took_ms)


def server_ms(header: str) -> float:
    """Read how long the server worked out of its Server-Timing header."""
    return float(header.partition("total;dur=")[2])


def time_bucket_ms(url: str, past: Past, dense: Sequence[int], times: int) -> list[float]:
    """Time the same plot by aggregating all observations, in the database itself.

    As it says itself (EXPLAIN ANALYZE), without sending anything.
    """
    found = []
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(_HAS_TIMESCALE).fetchone()
        with_timescale = row is not None and row[0]
        bucket = "time_bucket" if with_timescale else "date_bin"
        origin = "" if with_timescale else ", timestamptz '2000-01-01 00:00Z'"
        query = f"EXPLAIN (ANALYZE, TIMING OFF) {_PEER.format(bucket=bucket, origin=origin)}"
        for index in range(times):
            parameters = [dense[index % len(dense)], past.start_ms / 1000, past.end_ms / 1000]
            lines = connection.execute(query.encode(), parameters).fetchall()
            found.append(float(str(lines[-1][0]).split()[2]))
    return found
