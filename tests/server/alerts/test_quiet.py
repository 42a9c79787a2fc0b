"""The band of a watch, state by state. That it is right is proven in test_machine_against_oracle."""

from dataclasses import replace

import numpy as np
import pytest

from server.alerts.condition import ALWAYS_MS, Level, Season, Severity, Side
from server.alerts.machine import Machine, Pending
from server.alerts.quiet import LOUD, Band, band
from tests.server.alerts.stories import DRY
from tests.server.alerts.timeline import DAY_MS, HOUR_MS, START_MS

INF = float("inf")
WET = replace(
    DRY,
    side=Side.ABOVE,
    levels=(Level(Severity.WARNING, 10.0, 8.0), Level(Severity.CRITICAL, 20.0, 18.0)),
)
W, C = Severity.WARNING, Severity.CRITICAL


def just_above(value):
    return float(np.nextafter(value, INF))


def just_below(value):
    return float(np.nextafter(value, -INF))


def pending(level, since=100, last=100):
    return Pending(level, since, last, 1, 0.0)


@pytest.mark.parametrize(
    ("condition", "machine", "values"),
    [
        (DRY, Machine(), (just_above(0.5), INF)),
        (DRY, Machine(pending=(pending(W),)), (just_above(0.1), 0.5)),
        (DRY, Machine(pending=(pending(W), pending(C))), (-INF, 0.1)),
        (DRY, Machine(W), (just_above(0.1), 0.6)),
        (DRY, Machine(W, pending=(pending(W),)), (just_above(0.6), INF)),
        (DRY, Machine(W, pending=(pending(C),)), (-INF, 0.1)),
        (DRY, Machine(C), (-INF, 0.2)),
        (DRY, Machine(C, pending=(pending(C),)), (just_above(0.2), 0.6)),
        (DRY, Machine(C, pending=(pending(W), pending(C))), (just_above(0.6), INF)),
        (WET, Machine(), (-INF, just_below(10.0))),
        (WET, Machine(pending=(pending(W),)), (10.0, just_below(20.0))),
        (WET, Machine(W), (8.0, just_below(20.0))),
        (WET, Machine(C, pending=(pending(C),)), (8.0, just_below(18.0))),
    ],
)
def test_values(condition, machine, values):
    found = band(condition, machine)

    assert (found.lower, found.upper) == values


def test_what_is_not_after_the_last_transition_is_loud():
    assert band(DRY, Machine(W, 10, changed_ms=50)).from_ms == 51


def test_a_pending_run_is_quiet_until_its_delay_has_passed():
    up = band(DRY, Machine(pending=(pending(W, since=100, last=500), pending(C, 300, 500))))
    down = band(DRY, Machine(W, pending=(pending(W, since=100, last=500),)))

    assert (up.from_ms, up.until_ms) == (501, 100 + 6 * HOUR_MS)
    assert (down.from_ms, down.until_ms) == (501, 100 + 3 * HOUR_MS)


def test_in_season_it_is_quiet_until_its_end():
    june = replace(DRY, season=Season(frozenset({6}), "UTC"))

    found = band(june, Machine(until_ms=START_MS + DAY_MS))

    assert found == Band(just_above(0.5), INF, START_MS + DAY_MS + 1, START_MS + 30 * DAY_MS)


def test_out_of_season_every_value_is_quiet():
    july = replace(DRY, season=Season(frozenset({7}), "UTC"))

    found = band(july, Machine(until_ms=START_MS))

    assert (found.lower, found.upper, found.until_ms) == (-INF, INF, START_MS + 30 * DAY_MS)
    assert found.from_ms < START_MS


def test_a_watch_that_is_silent_or_has_not_seen_its_season_is_never_quiet():
    june = replace(DRY, season=Season(frozenset({6}), "UTC"))

    assert band(DRY, Machine(), silent=True) == LOUD == band(june, Machine())
    assert LOUD.lower > LOUD.upper
    assert LOUD.from_ms == ALWAYS_MS
