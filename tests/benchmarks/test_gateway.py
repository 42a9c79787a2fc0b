"""`bin/bench gateway`: that its account finds what is wrong or late, and that it runs."""

import json
import signal
from decimal import Decimal

import pytest

from benchmarks import gateway
from benchmarks.gateway_suite.audit import Audit
from benchmarks.gateway_suite.events import Said, Sealed
from benchmarks.gateway_suite.figures import Found, broken_limits, figures
from benchmarks.gateway_suite.station import BEGAN_S, Instrument, Unplugged, instruments
from wire.batch import ClockSource, Sample, encode
from wire.catalogue import bundled

BEGAN_MS = round(BEGAN_S * 1000)
PROBE = "RS485 soil probe ECTH (0x0000 family)"
KEYS = [field.property for field in bundled()[PROBE].field]
MAST = "NMEA 0183 weather station"
ABSENT = {"kind": "absent", "after_s": 0.0, "for_s": 600.0}


@pytest.fixture(autouse=True)
def sigterm_as_before():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def audit(model=PROBE, faults=(), unplugged=()):
    return Audit([Instrument("bus", "it", model, "1", faults)], list(unplugged), bundled())


def said(minute, value, *, after_s=1.0, name="it", keys=KEYS, reasons=None):
    values = {} if value is None else dict.fromkeys(keys, Decimal(value))
    at_ms = BEGAN_MS + round(1000 * (60 * minute + after_s))
    return Said(at_ms, f"dune-1/{name}", values, reasons or {})


def sealed(minute, value, reason="", keys=KEYS):
    sample = Sample(BEGAN_MS + 60_000 * minute, value and Decimal(value), reason=reason)
    if value is None:
        sample = Sample(sample.time_ms, None, 9, reason)
    return Sealed(encode(ClockSource.NTP, {f"dune-1/it/{key}": [sample] for key in keys}))


def test_what_was_said_in_its_slot_is_right():
    it = audit()
    for minute, value in enumerate(("1.5", "2.5", "2.5")):
        it.hear(said(minute, value))
        it.judge(sealed(minute, value))
    it.end(BEGAN_MS + 180_000)

    assert (it.readings, it.missing, it.wrong, it.slots_late) == (3 * len(KEYS), 0, 0, 0)


@pytest.mark.parametrize(
    ("heard", "value"),
    [
        (said(0, "1.5"), "1.6"),
        (said(0, "1.5", after_s=61.0), "1.5"),
        (said(0, "1.5", name="it (swapped 0)"), "1.5"),
        (said(0, None, reasons=dict.fromkeys(KEYS, "no value")), "-9999"),
    ],
    ids=["another value", "in another slot", "by another instrument", "a sentinel"],
)
def test_what_was_not_said_in_its_slot_by_that_instrument_is_wrong(heard, value):
    it = audit()
    it.hear(heard)
    it.judge(sealed(0, value))

    assert it.wrong == len(KEYS)


def test_a_slot_sealed_twice_is_wrong():
    it = audit()
    it.hear(said(0, "1.5"))
    it.judge(sealed(0, "1.5"))
    it.judge(sealed(0, "1.5"))

    assert it.wrong == len(KEYS)


def test_a_missing_value_is_late_unless_the_instrument_had_none():
    it = audit()
    it.judge(sealed(0, None, "timeout"))
    it.hear(said(1, None, reasons=dict.fromkeys(KEYS, "no value")))
    it.judge(sealed(1, None, "no value"))

    assert (it.missing, it.slots_late) == (2 * len(KEYS), len(KEYS))


def test_a_skipped_slot_and_one_asked_for_late_are_late():
    it = audit()
    it.hear(said(1, "1.5", after_s=31.0))
    it.judge(sealed(1, "1.5"))
    it.end(BEGAN_MS + 240_000)

    assert it.slots_late == 3 * len(KEYS)


def test_an_ailing_sensor_and_one_whose_adapter_is_out_are_forgiven_up_to_one_back_off_step():
    for it in (audit(faults=[ABSENT]), audit(unplugged=[Unplugged("bus", 0.0, 600.0)])):
        for minute in range(18):
            it.judge(sealed(minute, None, "timeout"))
        forgiven = it.slots_late
        it.judge(sealed(18, None, "timeout"))

        assert (forgiven, it.slots_late) == (0, len(KEYS))


def test_a_talkers_value_is_the_statistic_of_the_lines_of_the_minute_before():
    it = audit(MAST)
    for second in range(60):
        it.hear(said(0, str(second), after_s=second + 0.5, keys=["XDR.C.AIR"]))
    it.judge(sealed(1, "29.50", keys=["air_temperature"]))
    right = it.wrong
    it.judge(sealed(2, "29.50", keys=["air_temperature"]))

    assert (right, it.wrong) == (0, 1)


def test_figures_and_their_limits():
    told = figures(Found(168, 45.0, 45.45, 2.0, 9_000, 1_000, 0, 0))

    assert told == {
        "rss_start_mb": 45.0,
        "rss_end_mb": 45.45,
        "rss_growth_percent": 1.0,
        "slots_late": 0,
        "wrong": 0,
        "cpu_us_per_reading": 200,
        "readings": 9_000,
        "missing": 1_000,
        "hours": 168,
    }
    assert broken_limits(told) == []
    broken = figures(Found(168, 49.0, 51.0, 2.0, 9_000, 1_000, 1, 1))
    assert broken_limits(broken) == [
        "rss_end_mb 51 is over 50",
        "rss_growth_percent 4.08 is over 2",
        "slots_late 1 is over 0",
        "wrong 1 is over 0",
    ]


def test_the_station_has_20_sensors_on_3_buses_and_100_readings_a_minute():
    station = instruments()

    assert (len(station), len({one.bus for one in station})) == (20, 3)
    assert sum(len(bundled()[one.model].field) for one in station) in range(99, 110)


def test_two_hours_are_right_and_in_time(capsys):
    gateway.main(["--json", "--hours", "2"])

    told = json.loads(capsys.readouterr().out)["figures"]
    assert (told["wrong"], told["slots_late"], told["hours"]) == (0, 0, 2)
    assert told["readings"] > 11_000
    assert 0 < told["missing"] < 700  # a probe is absent in the second hour
    assert told["rss_end_mb"] > 20
    assert told["cpu_us_per_reading"] > 0
