"""The ready-to-leave walk: each thing that may be amiss, alone, keeps the card from being green."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gateway.doctor.finding import Verdict
from gateway.page.values import Sensor, State, Value
from gateway.page.walk import Facts, may_leave, walk
from wire.messages import ClockSource

NOW_MS = 1_795_000_000_000
VALUE = Value("dune-1/soil/vwc_raw", "Soil water, raw", "raw", State.FINE, str(Decimal(2400)))
SENSOR = Sensor(
    place="dune-1/soil",
    thing="dune-1",
    model="METER TEROS 12",
    bus="sdi",
    port="/dev/null",
    address="1",
    interval_s=60,
    depth_m=0.1,
    height_m=None,
    values=[VALUE],
)
READY = Facts(
    sensors=[SENSOR],
    clock=ClockSource.NTP,
    positions={"dune-1": True},
    photos=1,
    outbox_fault="",
    unconfirmed=0,
    pending=0,
    stored_ms=NOW_MS,
    began_ms=NOW_MS - 60_000,
    is_connected=True,
    broker="broker:8883",
)


def with_values(*values):
    return [replace(SENSOR, values=list(values))]


def test_when_all_is_ready_the_card_is_green():
    steps = walk(READY)

    assert {one.verdict for one in steps} == {Verdict.FINE}
    assert may_leave(steps)


@pytest.mark.parametrize(
    ("change", "about", "said"),
    [
        (
            {
                "sensors": with_values(
                    replace(VALUE, state=State.MISSING, value=None, reason="timeout")
                )
            },
            "sensors",
            "timeout",
        ),
        ({"sensors": with_values(replace(VALUE, state=State.STALE))}, "sensors", "silent"),
        ({"sensors": with_values(replace(VALUE, state=State.WAITING))}, "sensors", "not asked yet"),
        ({"sensors": with_values(replace(VALUE, state=State.ODD))}, "values", "2400"),
        ({"refused": ["gateway.toml:9: no such model"]}, "settings", "no such model"),
        ({"sensors": []}, "sensors", "there are none"),
        ({"scanned": "/dev/ttyUSB0"}, "scan", "/dev/ttyUSB0 is being scanned"),
        (
            {"sensors": with_values(VALUE, replace(VALUE, state=State.MISSING, reason="no value"))},
            "values",
            "no value",
        ),
        ({"sensors": with_values(VALUE, replace(VALUE, state=State.STALE))}, "values", "old"),
        ({"clock": ClockSource.UNKNOWN}, "clock", "nothing vouches"),
        ({"positions": {"dune-1": True, "dune-2": False}}, "position", "dune-2"),
        ({"photos": 0}, "photo", "none"),
        ({"outbox_fault": "no space left"}, "outbox", "no space left"),
        ({"stored_ms": None}, "server", "confirmed nothing"),
        ({"stored_ms": NOW_MS - 120_000}, "server", "confirmed nothing"),
    ],
)
def test_what_is_amiss_is_told_alone_and_keeps_one_here(change, about, said):
    steps = walk(replace(READY, **change))

    (failed,) = [one for one in steps if one.verdict is Verdict.FAILED]
    assert failed.about == about
    assert said in failed.said
    assert failed.remedy
    assert not may_leave(steps)


def test_without_a_link_one_may_leave_knowing_what_will_be_sent():
    steps = walk(replace(READY, is_connected=False, stored_ms=None, unconfirmed=7, pending=30))

    (told,) = [one for one in steps if one.verdict is Verdict.LOOK]
    assert "7 batches and 30 readings more will be sent" in told.said
    assert may_leave(steps)


def test_calm_is_an_answer():
    """A wind without a direction is a sensor at work, not a silent one."""
    calm = replace(VALUE, state=State.MISSING, value=None, reason="calm")

    assert may_leave(walk(replace(READY, sensors=with_values(calm))))
