"""Which rows may go into a batch, and with what times."""

import random
from decimal import Decimal

import pytest

from gateway.outbox.sealing import ClockState, Release, Row, release, seal
from wire.batch import MAX_COMPRESSED_BYTES, Sample, decode
from wire.messages import ClockSource
from wire.quality import Flag

NTP, FREE, UNKNOWN = ClockSource.NTP, ClockSource.FREE, ClockSource.UNKNOWN
HOLD_MS = 1000
FOREVER = 2**63 - 1


@pytest.mark.parametrize(
    ("boot", "recorded", "now", "expected"),
    [
        ("now", UNKNOWN, NTP, Release(NTP, 70, FOREVER)),
        ("now", NTP, NTP, Release(NTP, 70, FOREVER)),
        ("now", NTP, FREE, Release(FREE, 70, FOREVER)),
        ("now", NTP, UNKNOWN, Release(NTP, None, FOREVER)),
        ("now", UNKNOWN, UNKNOWN, Release(UNKNOWN, 70, 9000)),
        ("earlier", NTP, UNKNOWN, Release(NTP, None, FOREVER)),
        ("earlier", FREE, NTP, Release(FREE, None, FOREVER)),
        ("earlier", UNKNOWN, NTP, Release(UNKNOWN, None, FOREVER)),
        ("", NTP, UNKNOWN, Release(NTP, None, FOREVER)),
    ],
)
def test_release(boot, recorded, now, expected):
    """What goes, as which clock: the table of the contract's section "Clock"."""
    assert release(boot, recorded, ClockState("now", now, 70, 10_000), HOLD_MS) == expected


def row(number=1, mono_ms=5000, wall_ms=105_000, value="1.50", **more):
    fields = {"datastream": "d-1/s-1/vwc_raw", "flag": 1, "reason": "", **more}
    return Row(number, mono_ms, wall_ms, value=value, **fields)


def only_sample(sealed):
    return next(decode(sealed.payload).series[0].samples())


def test_a_recorded_time_stands_while_the_clock_was_not_stepped():
    sealed = seal([row()], Release(NTP, offset_ms=100_500))
    assert (sealed.first_ms, sealed.last_ms) == (105_000, 105_000)


def test_a_step_since_the_reading_moves_it():
    sealed = seal([row()], Release(NTP, offset_ms=3_700_000))
    assert only_sample(sealed).time_ms == 3_705_000


def test_without_an_offset_the_recorded_time_stands():
    assert only_sample(seal([row(mono_ms=0)], Release(NTP))).time_ms == 105_000


def test_value_flag_and_reason_go_over():
    rows = [row(1, flag=3), row(2, wall_ms=106_000, value=None, flag=9, reason="timeout")]
    series = decode(seal(rows, Release(UNKNOWN)).payload).series[0]
    assert list(series.samples()) == [
        Sample(105_000, Decimal("1.5"), Flag.SUSPECT),
        Sample(106_000, None, Flag.MISSING, "timeout"),
    ]


def test_the_batch_says_how_its_clock_was_known():
    assert decode(seal([row()], Release(UNKNOWN)).payload).clock is UNKNOWN


def test_what_is_too_large_for_one_batch_is_halved_until_it_fits():
    chance = random.Random(1)
    rows = [
        row(n, wall_ms=chance.randrange(10**12), value=str(chance.randrange(10**15)))
        for n in range(40_000)
    ]
    sealed = seal(rows, Release(NTP))
    assert len(sealed.payload) <= MAX_COMPRESSED_BYTES
    assert sealed.count in {10_000, 20_000}
    assert sealed.last_id == sealed.count - 1
    assert len(decode(sealed.payload)) == sealed.count
