"""Asks the running server, one question after the other, and notes how long it says it took."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx
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

    As a browser does, it takes compressed answers.
    """

    url: str
    past: Past
    dense: Sequence[int]
    requests: int

    def times_ms(self) -> dict[str, list[float]]:
        """Give the server times of each kind; raises SetupError for a wrong answer."""
        return {
            "year_plot": self._ask(_SERIES, self._year),
            "ten_series": self._ask(_SERIES, self._ten),
            "latest_10k": self._ask("/api/v1/latest", lambda _: {}),
        }

    def require_right(self) -> None:
        """Compare an answer with what was put in; raises SetupError."""
        with httpx.Client(base_url=self.url, timeout=_TIMEOUT_S) as client:
            answer = client.get(_SERIES, params=self._year(random.Random(1))).json()
            (series,) = answer["series"]
            told = sum(series["n"])
            if told != self.past.days * 1440 or series["completeness"] != 1.0:
                raise SetupError(f"a year of a series has {told} observations in the answer")
            known = len(client.get("/api/v1/latest").json()["items"])
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

    def _ask(self, path: str, question: Callable[[random.Random], Parameters]) -> list[float]:
        chance = random.Random(4)
        times = []
        with httpx.Client(base_url=self.url, timeout=_TIMEOUT_S) as client:
            for _ in range(_WARM_UP + self.requests):
                answer = client.get(path, params=dict(question(chance)))
                if answer.status_code != 200:
                    raise SetupError(f"{path} answers {answer.status_code}: {answer.text[:200]}")
                times.append(server_ms(answer.headers["server-timing"]))
        return times[_WARM_UP:]


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
