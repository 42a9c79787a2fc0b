"""Which rows may go into a batch, and with what times."""

import random
import tracemalloc
from decimal import Decimal

import pytest

from gateway.outbox import sealing
from gateway.outbox.sealing import SEAL_LIMIT, ClockState, Release, Row, Waiting, enough, release
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


def seal(rows, how):
    return sealing.seal(Waiting(rows, how))


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


def test_a_batch_is_of_the_first_rows_of_each_series_in_their_order():
    """Series come by turns; one that begins later than the batch ends is not named in it."""
    kinds = ["a/b/c", "a/b/d", "a/b/c", "a/b/c", "a/b/e"]
    rows = [row(n, wall_ms=n, value=str(n), datastream=one) for n, one in enumerate(kinds)]
    waiting = Waiting(rows, Release(NTP))

    found = sealing._BySeries(waiting, 4)

    assert {name: [int(s.value) for s in samples] for name, samples in found.items()} == {
        "a/b/c": [0, 2, 3],
        "a/b/d": [1],
    }
    assert waiting.sealed(4, b"x") == sealing.Sealed(b"x", NTP, 4, 3, 0, 3)


def test_a_day_of_twenty_series_by_the_minute_is_sealed_as_one_batch_within_its_memory():
    """A gateway has 50 MB, of which 39 are taken before it seals anything."""
    chance = random.Random(1)

    def rows():
        for n in range(28_800):
            value = f"{2500 + chance.gauss(0, 2):.2f}"
            yield row(n, wall_ms=60_000 * (n // 20), value=value, datastream=f"a/b/c{n % 20}")

    tracemalloc.start()
    sealed = seal(rows(), Release(NTP))
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sealed.count == 28_800 <= SEAL_LIMIT
    assert most_bytes < 7_000_000


@pytest.mark.parametrize(
    ("max_bytes", "is_tight", "count"),
    [(2_000_000_000, False, 30_000), (1_000_000, False, 5_000), (2_000_000_000, True, 500)],
)
def test_how_many_are_enough_for_a_batch(max_bytes, is_tight, count):
    """A small budget is not filled by what waits, and a nearly full disk by neither."""
    assert enough(max_bytes, is_tight=is_tight) == count


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
