"""What a machine keeps, what it says of a transition, and rules that are edited."""

import json
from dataclasses import replace

import numpy as np
import pytest

from server.alerts.condition import Level, Season, Severity
from server.alerts.machine import (
    Change,
    Evidence,
    Machine,
    Pending,
    begin_anew,
    end,
    fold,
    machine_from_json,
    needs_from,
    share,
    to_json,
)
from server.alerts.samples import Samples
from tests.server.alerts.stories import CONDITIONS, DRY
from tests.server.alerts.timeline import HOUR_MS

W, C = Severity.WARNING, Severity.CRITICAL


def hours(*values, first=0):
    """Samples an hour apart; None is a gap."""
    kept = [(at, value) for at, value in enumerate(values, first) if value is not None]
    return Samples.of(
        np.array([at * HOUR_MS for at, _ in kept], dtype=np.int64),
        np.array([value for _, value in kept], dtype=np.float64),
        np.ones(len(kept), dtype=np.bool_),
    )


def test_the_evidence_tells_the_run_that_led_there():
    machine, (raised,) = fold(DRY, Machine(), hours(0.8, 0.45, 0.3, None, 0.35, 0.4, 0.4, 0.41))

    assert raised.evidence == Evidence(
        value=0.41,
        threshold=0.5,
        leave=0.6,
        since_ms=1 * HOUR_MS,
        at_ms=7 * HOUR_MS,
        share=6 / 7,
        samples=6,
        worst=0.3,
    )
    assert raised.machine == machine == Machine(W, 1 * HOUR_MS, 7 * HOUR_MS, 7 * HOUR_MS)


def test_the_evidence_of_a_recovery_is_of_the_level_that_was_left():
    critical = Machine(C, since_ms=0, changed_ms=0, until_ms=0)

    _, (eased,) = fold(DRY, critical, hours(0.21, 0.3, 0.25, 0.3, first=1))

    assert (eased.kind, eased.level_from, eased.level_to) == (Change.EASED, C, W)
    assert (eased.evidence.threshold, eased.evidence.leave) == (0.1, 0.2)
    assert (eased.evidence.worst, eased.began_ms) == (0.21, 0)


def test_a_machine_and_an_evidence_go_through_json():
    machine, (raised,) = fold(DRY, Machine(), hours(*[0.4] * 7, 0.05))

    assert machine.pending == (Pending(C, 7 * HOUR_MS, 7 * HOUR_MS, 1, 0.05),)
    assert machine_from_json(json.loads(json.dumps(to_json(machine)))) == machine
    evidence = json.loads(json.dumps(to_json(raised.evidence)))
    assert (evidence["since_ms"], evidence["worst"], evidence["share"]) == (0, 0.4, 1.0)


def test_nothing_stored_is_a_new_machine():
    assert machine_from_json(None) == Machine()


def test_what_a_fold_needs():
    pending, _ = fold(DRY, Machine(), hours(0.8, 0.4))

    assert needs_from(Machine(until_ms=5), 100) == 100
    assert needs_from(pending, 9 * HOUR_MS) == 1 * HOUR_MS + 1
    assert needs_from(pending, 1) == 1


@pytest.mark.parametrize(
    ("interval_ms", "good", "expected"), [(HOUR_MS, 4, 4 / 7), (HOUR_MS, 9, 1.0), (0, 1, 1.0)]
)
def test_the_share_of_a_run(interval_ms, good, expected):
    run = Pending(W, 0, 6 * HOUR_MS, good, 0.4)

    assert share(replace(DRY, interval_ms=interval_ms), run) == expected


def test_an_edited_rule_that_has_nothing_to_go_by_is_normal():
    assert begin_anew(DRY, Machine(), hours()) == (Machine(), [])


def test_an_episode_without_a_record_is_ended_when_the_rule_is_edited():
    old = Machine(W, since_ms=1, changed_ms=5, until_ms=9)

    machine, (ended,) = begin_anew(DRY, old, hours())

    assert machine == Machine(changed_ms=5)
    assert (ended.kind, ended.at_ms, ended.began_ms) == (Change.ENDED, 5, 1)
    assert ended.evidence.reason == "rule changed"


def test_a_rule_that_loses_the_level_it_was_at_eases():
    only_warning = replace(DRY, levels=DRY.levels[:1])
    old = Machine(C, since_ms=0, changed_ms=6 * HOUR_MS, until_ms=7 * HOUR_MS)

    machine, (eased,) = begin_anew(only_warning, old, hours(*[0.05] * 8))

    assert (eased.kind, eased.level_from, eased.level_to) == (Change.EASED, C, W)
    assert eased.evidence.reason == "rule changed"
    assert (machine.level, machine.since_ms) == (W, 0)


def test_a_rule_that_loses_the_level_it_was_at_ends_what_is_no_longer_dry():
    only_critical = replace(DRY, levels=DRY.levels[1:])
    old = Machine(W, since_ms=0, changed_ms=6 * HOUR_MS, until_ms=7 * HOUR_MS)

    machine, (ended,) = begin_anew(only_critical, old, hours(*[0.4] * 8))

    assert (ended.kind, ended.level_from, ended.level_to) == (Change.ENDED, W, Severity.NORMAL)
    assert machine.level == Severity.NORMAL


def test_an_edited_rule_keeps_when_the_episode_began():
    """Though the record that is read goes back to its middle only."""
    old = Machine(W, since_ms=-100 * HOUR_MS, changed_ms=-94 * HOUR_MS, until_ms=7 * HOUR_MS)

    machine, transitions = begin_anew(CONDITIONS["june"], old, hours())
    same, none = begin_anew(DRY, old, hours(*[0.4] * 8))

    assert [one.kind for one in transitions] == [Change.ENDED]
    assert machine.level == Severity.NORMAL
    assert none == []
    assert (same.since_ms, same.changed_ms) == (-100 * HOUR_MS, -94 * HOUR_MS)


def test_a_run_that_is_pending_goes_on_under_an_edited_rule():
    old, _ = fold(DRY, Machine(), hours(*[0.4] * 5))

    machine, none = begin_anew(replace(DRY, on_delay_ms=8 * HOUR_MS), old, hours(*[0.4] * 5))

    assert none == []
    assert machine.pending[0].since_ms == 0


def test_a_rule_that_is_switched_off_ends_what_it_said():
    active = Machine(W, since_ms=1, changed_ms=5, until_ms=9, pending=(Pending(W, 9, 9, 1, 0.7),))

    machine, ended = end(DRY, active, 20, 0.7, "rule disabled")

    assert machine == Machine(changed_ms=20, until_ms=20)
    assert (ended.kind, ended.level_from, ended.at_ms) == (Change.ENDED, W, 20)
    assert (ended.evidence.reason, ended.evidence.value) == ("rule disabled", 0.7)


def test_milder_levels_are_entered_with_a_more_severe_one():
    """A warning whose run has too few samples does not hold a critical level back."""
    gappy = hours(0.4, None, None, 0.4, None, None, *[0.05] * 7)

    machine, (raised,) = fold(DRY, Machine(), gappy)

    assert (raised.level_to, raised.since_ms, raised.began_ms) == (C, 6 * HOUR_MS, 0)
    assert fold(DRY, machine, hours(*[0.8] * 4, first=13))[1][0].kind is Change.CLEARED


def test_a_condition_of_one_level():
    one = replace(DRY, levels=(Level(Severity.NOTICE, 5.0, 7.0),), on_delay_ms=0)

    _, transitions = fold(one, Machine(), hours(8, 4, 6, 8, 8, 8, 8))

    assert [change.kind for change in transitions] == [Change.RAISED, Change.CLEARED]


def test_a_run_does_not_reach_over_the_time_out_of_season():
    """Though no gap breaks it: silence may be longer than a season's pause."""
    day = 24 * HOUR_MS
    patient = replace(
        DRY,
        silence_ms=90 * day,
        on_delay_ms=20 * day,
        min_share=0.0,
        season=Season(frozenset({1, 3}), "UTC"),
    )
    samples = Samples.of(
        np.array([20, 40, 65, 75]) * day, np.full(4, 0.4), np.ones(4, dtype=np.bool_)
    )

    machine, transitions = fold(patient, Machine(), samples)

    assert transitions == []
    assert machine.pending[0].since_ms == 65 * day
