"""`bin/bench alerts`: what it tells, and that it runs."""

import json
import signal

import pytest

from benchmarks import alerts
from benchmarks.alerts_suite.figures import broken_limits, figures
from benchmarks.alerts_suite.judging import Judged
from benchmarks.alerts_suite.mailing import Mailed, compare
from benchmarks.alerts_suite.queueing import Queued
from benchmarks.alerts_suite.sink import Sink


@pytest.fixture(autouse=True)
def sigterm_as_before():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_the_share_is_of_all_that_ingest_takes():
    told = figures(
        Judged(total_s=2.0, judging_s=0.25, readings=1000, transitions=7),
        Queued(1.5, 50_000),
        Mailed([at / 100 for at in range(200)], duplicates=0, missed=0),
    )

    assert told == {
        "eval_share": 0.125,
        "readings_per_s": 500,
        "transitions": 7,
        "queue_s": 1.5,
        "queued": 50_000,
        "mail_p99_s": 1.98,
        "mails": 200,
        "duplicates": 0,
        "missed": 0,
    }
    assert broken_limits(told) == []


def test_mails_that_never_came_or_came_twice_are_counted():
    mails = Sink()
    mails.taken_s["person-0@bench.example"] = [10.5, 20.5]
    mails.taken_s["person-1@bench.example"] = [10.5, 10.6, 20.5]
    mails.taken_s["person-2@bench.example"] = [10.5]
    passed_s = {(station, turn): 10.0 * (turn + 1) for station in range(4) for turn in (0, 1)}

    found = compare(mails, passed_s)

    assert (found.duplicates, found.missed) == (1, 3)
    judged = Judged(total_s=2.0, judging_s=0.25, readings=1000, transitions=7)
    assert broken_limits(figures(judged, Queued(1.0, 1), found)) == [
        "duplicates 1 is over 0",
        "missed 3 is over 0",
    ]
    assert "mail_p99_s inf is over 2" in broken_limits(figures(judged, Queued(1.0, 1), Mailed()))


def test_a_figure_that_is_missing_or_too_high_breaks_its_limit():
    assert "eval_share 0.2 is over 0.15" in broken_limits({"eval_share": 0.2})
    assert any("eval_share" in one for one in broken_limits({}))


def test_a_short_run_tells_figures(timescale_url, capsys):
    code = alerts.main(["--json", "--quick", "--database-url", timescale_url])

    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "alerts"
    assert 0 < told["figures"]["eval_share"] < 1
    assert told["figures"]["transitions"] > 0
    assert told["figures"]["queued"] == alerts.QUICK_PEOPLE
    assert told["figures"]["mails"] == 2 * alerts.QUICK_COURSE.stations
    assert told["figures"]["duplicates"] == told["figures"]["missed"] == 0
    assert told["held"] is (code == 0) is (broken_limits(told["figures"]) == [])
