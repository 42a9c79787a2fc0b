"""The tally: it must see a lost, a doubled, a wrong and an invented reading."""

from decimal import Decimal

import pytest

from benchmarks.chaos_suite.evidence import Database, Kept
from benchmarks.chaos_suite.tally import compare
from deploy.demo.check.facts import Answer, Sensor
from wire.catalogue import bundled

GATEWAY = "chaos-dune"
NAME = "dune-1/soil-10cm/vwc_raw"
WIND = "control-1/mast/wind_speed"
SLOT = 1_767_225_600_000
SENSORS = [
    Sensor("dune-1/soil-10cm", bundled()["METER TEROS 12"], 2000),
    Sensor("control-1/mast", bundled()["NMEA 0183 weather station"], 2000),
]


def kept(value="2493.4", time_ms=SLOT, name=NAME):
    return Kept(name, time_ms, None if value is None else Decimal(value), "batch 1, stored")


def answer(value="2493.4", at_ms=SLOT + 300):
    return Answer(at_ms, "dune-1/soil-10cm", {"vwc_raw": Decimal(value)}, {}, is_poll=True)


SAID = (answer(),)


def tally(outbox, series, *, answers=SAID, name=NAME, twice=()):
    database = Database({(GATEWAY, name): series}, list(twice))
    return compare({GATEWAY: outbox}, database, SENSORS, answers)


def counts(verdict):
    return (verdict.sent, verdict.stored, verdict.lost, verdict.duplicated, verdict.wrong)


def test_a_reading_that_is_there_once_is_stored():
    verdict = tally([kept()], {SLOT: 2493.4})

    assert counts(verdict) == (1, 1, 0, 0, 0)
    assert verdict.is_exact


def test_a_reading_that_is_not_there_is_lost():
    verdict = tally([kept()], {})

    assert counts(verdict) == (1, 0, 1, 0, 0)
    (example,) = verdict.examples
    assert example.startswith(f"lost: {NAME} at 2026-01-01T00:00:00.000+00:00: ")
    assert example.endswith("expected 2493.4 (batch 1, stored), found nothing")


def test_a_reading_of_another_gateway_does_not_count():
    database = Database({("stranger", NAME): {SLOT: 2493.4}}, [])
    verdict = compare({GATEWAY: [kept()]}, database, SENSORS, [answer()])

    assert counts(verdict) == (1, 0, 1, 0, 0)


def test_a_batch_that_was_stored_twice_is_a_duplicate():
    verdict = tally([kept()], {SLOT: 2493.4}, twice=["chaos-dune abc 1"])

    assert counts(verdict) == (1, 1, 0, 1, 0)
    assert not verdict.is_exact


def test_a_reading_that_was_kept_twice_is_a_duplicate():
    verdict = tally([kept(), kept()], {SLOT: 2493.4})

    assert counts(verdict) == (1, 1, 0, 1, 0)


def test_another_value_is_wrong():
    assert counts(tally([kept()], {SLOT: 2493.5})) == (1, 0, 0, 0, 1)


@pytest.mark.parametrize(("value", "got"), [("2493.4", None), (None, 2493.4)])
def test_a_missing_for_a_value_is_wrong_and_so_is_the_reverse(value, got):
    assert counts(tally([kept(value)], {SLOT: got})) == (1, 0, 0, 0, 1)


def test_a_missing_is_a_reading_too():
    assert counts(tally([kept(None)], {SLOT: None})) == (1, 1, 0, 0, 0)
    assert counts(tally([kept(None)], {})) == (1, 0, 1, 0, 0)


def test_another_time_is_a_loss_and_an_invention():
    assert counts(tally([kept()], {SLOT + 1: 2493.4})) == (1, 0, 1, 0, 1)


def test_an_observation_that_no_outbox_kept_is_wrong():
    assert counts(tally([kept()], {SLOT: 2493.4, SLOT + 2000: 1.0})) == (1, 1, 0, 0, 1)


def test_forged_observations_of_long_ago_are_left_out():
    assert tally([kept()], {SLOT: 2493.4, 999_999_999_999: 1.0}).is_exact


def test_a_value_that_the_sensor_never_gave_is_wrong():
    assert counts(tally([kept("1.0")], {SLOT: 1.0})) == (1, 0, 0, 0, 1)


@pytest.mark.parametrize("at_ms", [SLOT - 1700, SLOT + 60_000])
def test_a_value_that_the_sensor_gave_at_another_time_is_wrong(at_ms):
    verdict = tally([kept()], {SLOT: 2493.4}, answers=[answer(at_ms=at_ms)])

    assert counts(verdict) == (1, 0, 0, 0, 1)


def test_a_statistic_of_a_talker_is_not_asked_of_the_truth():
    assert tally([kept("3.1", name=WIND)], {SLOT: 3.1}, name=WIND).is_exact


@pytest.mark.parametrize(("steps_ms", "wrong"), [((), 1), ((3_600_000,), 0), ((-3_600_000,), 1)])
def test_a_clock_that_is_believed_may_be_wrong_by_what_it_was_set_wrong(steps_ms, wrong):
    time_ms = SLOT + 3_600_000
    database = Database({(GATEWAY, NAME): {time_ms: 2493.4}}, [])
    found = [kept(time_ms=time_ms)]
    verdict = compare({GATEWAY: found}, database, SENSORS, SAID, {GATEWAY: steps_ms})

    assert verdict.wrong == wrong


def test_a_run_in_which_nothing_was_kept_shows_nothing():
    assert not tally([], {}).is_exact
