"""`bin/bench alerts`: what it tells, and that it runs."""

import json
import signal

import pytest

from benchmarks import alerts
from benchmarks.alerts_suite.figures import broken_limits, figures
from benchmarks.alerts_suite.judging import Judged


@pytest.fixture(autouse=True)
def sigterm_as_before():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_the_share_is_of_all_that_ingest_takes():
    told = figures(Judged(total_s=2.0, judging_s=0.25, readings=1000, transitions=7))

    assert told == {"eval_share": 0.125, "readings_per_s": 500, "transitions": 7}
    assert broken_limits(told) == []


def test_a_figure_that_is_missing_or_too_high_breaks_its_limit():
    assert "eval_share 0.2 is over 0.15" in broken_limits({"eval_share": 0.2})
    assert any("eval_share" in one for one in broken_limits({}))


def test_a_short_run_tells_figures(timescale_url, capsys):
    code = alerts.main(["--json", "--quick", "--database-url", timescale_url])

    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "alerts"
    assert 0 < told["figures"]["eval_share"] < 1
    assert told["figures"]["transitions"] > 0
    assert told["held"] is (code == 0) is (broken_limits(told["figures"]) == [])
