"""`bin/bench rollup`: what it tells, and that it runs."""

import json
import signal

import pytest

from benchmarks import rollup
from benchmarks.rollup_suite.figures import Filled, Rolled, broken_limits, figures


@pytest.fixture(autouse=True)
def sigterm_as_before():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_figures_are_rates_and_ratios():
    told = figures(
        Filled(stored_s=10.0, marked_s=0.4),
        Rolled(1000, 2.0),
        1.5,
        (Filled(stored_s=10.0, marked_s=1.0), Rolled(300, 3.0)),
    )

    assert told == {
        "readings_per_s": 500,
        "ratio": 0.75,
        "mark_cost_ratio": 0.96,
        "bare_per_s": 667,
        "sqlite_per_s": 100,
        "sqlite_mark_cost_ratio": 0.9,
        "readings": 1000,
    }
    assert broken_limits(told) == ["sqlite_mark_cost_ratio 0.9 is under 0.95"]


def test_a_figure_that_is_missing_breaks_its_limit():
    assert broken_limits({"ratio": 0.7, "mark_cost_ratio": 1.0}) == [
        "sqlite_mark_cost_ratio 0 is under 0.95"
    ]


def test_a_short_run_tells_figures(timescale_url, capsys):
    code = rollup.main(["--json", "--quick", "--database-url", timescale_url])

    told = json.loads(capsys.readouterr().out)
    assert told["name"] == "rollup"
    assert told["figures"]["readings"] == 3600
    assert all(value > 0 for value in told["figures"].values())
    assert told["held"] is (code == 0) is (broken_limits(told["figures"]) == [])
