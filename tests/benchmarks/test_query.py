"""`bin/bench query`: what it tells, and that it asks a running server."""

import json
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import psycopg
import pytest

from benchmarks import query
from benchmarks.query_suite.asking import Asker, server_ms
from benchmarks.query_suite.figures import AT_MOST, KINDS, Times, broken_limits, figures, p95
from benchmarks.query_suite.past import DAY_MS, Past, make

END_MS = 1_795_132_800_000


@pytest.fixture(autouse=True)
def sigterm_as_before():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def times(quiet=10.0, loaded=11.0, sent=125_000.0):
    return Times(
        dict.fromkeys(KINDS, [quiet] * 20),
        {**dict.fromkeys(KINDS, [quiet] * 20), "ten_series": [loaded] * 20},
        [80.0, 82.0, 300.0],
        sent,
        125_000.0,
    )


def test_95_of_100_answers_do_not_exceed_it():
    assert p95([float(n) for n in range(1, 101)]) == pytest.approx(95.05)


def test_the_factor_is_that_of_the_kind_which_suffers_most():
    told = figures(times(quiet=10.0, loaded=11.5))

    assert told["under_ingest_factor"] == 1.15
    assert told["year_plot_p95_ms"] == 10.0
    assert told["time_bucket_ms"] == 82.0


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        (times(), []),
        (times(quiet=30.0, loaded=30.0), ["year_plot_p95_ms 30 is over 25"]),
        (times(loaded=12.5), ["under_ingest_factor 1.25 is over 1.2"]),
        (times(sent=100_000.0), ["ingest_rps 100000 is under 112500"]),
    ],
)
def test_what_is_over_its_limit_is_named(given, broken):
    assert broken_limits(figures(given)) == broken


def test_a_figure_that_is_missing_breaks_its_limit():
    assert len(broken_limits({})) == len(AT_MOST)


@pytest.mark.parametrize(("loaded", "held", "code"), [(11.0, True, 0), (20.0, False, 1)])
def test_the_json_line_says_whether_it_held(monkeypatch, capsys, loaded, held, code):
    monkeypatch.setattr(query, "_measure", lambda *_: times(loaded=loaded))

    assert query.main(["--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["held"]) == ("query", held)
    assert set(AT_MOST) < set(told["figures"])


def test_server_time_is_read_from_the_header():
    assert server_ms("begin;dur=0.5, read;dur=9.1, total;dur=12.3") == 12.3


class Answering(BaseHTTPRequestHandler):
    """Answers any question at once."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer goes out as one packet

    def do_GET(self):
        self.send_response(200)
        self.send_header("Server-Timing", "total;dur=1.5")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_said):
        pass


def test_who_asks_does_not_ask_again_as_soon_as_there_is_an_answer():
    past = Past(series=20, dense=20, days=60, stations=1, end_ms=END_MS)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asker = Asker(f"http://127.0.0.1:{server.server_port}", past, range(1, 21), 2, 0.04)
        began_s = time.monotonic()
        told = asker.times_ms()
        took_s = time.monotonic() - began_s
        server.shutdown()

    assert told == {kind: [1.5, 1.5] for kind in KINDS}
    assert took_s >= 3 * (10 + 2) * 0.04 / 2  # each kind warms up


def test_the_past_is_whole_and_its_rollups_are_those_of_its_rows(timescale_database):
    past = Past(series=6, dense=2, days=2, stations=2, end_ms=END_MS)
    dense = make(timescale_database, past, lambda _: None)[:2]

    with psycopg.connect(timescale_database) as connection:
        rows = connection.execute("SELECT datastream_id, count(*) FROM observation GROUP BY 1")
        counts = dict(rows.fetchall())
        hours = connection.execute("SELECT sum(n), count(*) FROM rollup_hour").fetchone()
        marks = connection.execute("SELECT count(*) FROM rollup_mark").fetchone()
        newest = connection.execute(
            "SELECT count(*), count(DISTINCT time), count(DISTINCT received_at) FROM latest"
        ).fetchone()
    assert [counts[one] for one in dense] == [2 * 1440] * 2
    assert sorted(counts.values()) == [48] * 4 + [2880] * 2
    assert hours == (2 * 2880 + 4 * 48, 6 * 48)
    assert marks == (0,)
    assert newest == (40, 2, 2)  # of each datastream; those of a station are of one instant
    assert past.start_ms == END_MS - 2 * DAY_MS


def test_a_small_past_is_asked_of_a_running_server(timescale_url, capsys):
    code = query.main(["--json", "--quick", "--database-url", timescale_url])

    told = json.loads(capsys.readouterr().out)
    assert told["figures"]["ingest_rps"] > 0
    assert all(np.isfinite(value) and value > 0 for value in told["figures"].values())
    assert told["held"] is (code == 0) is (broken_limits(told["figures"]) == [])
