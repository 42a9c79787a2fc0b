"""Sensors that are asked: samples in, observations out, whatever the clock does and however it ends."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.readings import Reading
from gateway.sampling.memory import read
from gateway.sampling.plan import plan_of
from gateway.sampling.sampler import Sampler
from gateway.sampling.schedule import Schedule
from tests.gateway.sampling.made_up import HandClock, Notebook, field_of, model_of
from wire.catalogue import Statistic
from wire.quality import Flag

PLACE = "dune-1/gauge"
RAIN = model_of(field_of("rain", Statistic.SUM, "mm", "0.001"))
AIR = model_of(field_of("air_temperature"))
COUNTER = model_of(
    field_of(
        "saltation_count",
        Statistic.SUM,
        "{count}",
        "1",
        cumulative=True,
        wraps_at=Decimal(65_536),
        max_per_s=Decimal(20),
    )
)


class Line:
    """A sensor that is asked at each of its sample slots, as a poller would."""

    def __init__(self, model, clock, interval_s, sample_s, notebook=None, **more):
        plan = plan_of(model, interval_s, sample_s)
        self.key = plan.fields[0].key
        self.clock = clock
        self.sampler = Sampler(PLACE, plan, clock, notebook, **more)
        self.schedule = Schedule(sample_s or interval_s, clock.mono)

    def until(self, mono_ms, read, keep=lambda _: None):
        """Let time pass; `read` tells a slot's value or the reason why there is none.

        What is observed at a slot is given to `keep` before the next one.
        """
        self.clock.mono = mono_ms
        done = []
        for slot_ms in self.schedule.due(mono_ms, self.clock.offset):
            told = read(slot_ms)
            value, reason = (None, told) if isinstance(told, str) else (Decimal(told), "")
            found = self.sampler.take(slot_ms, [Reading(self.key, value, reason)])
            keep(found)
            done += found
        return done


def told(observations):
    return [
        (one.mono_ms, one.value if one.value is not None else one.reason) for one in observations
    ]


def test_one_sample_an_interval_is_that_sample(clock):
    line = Line(AIR, clock, 10, None)

    found = line.until(1_020_000, lambda slot_ms: slot_ms % 7)

    assert told(found) == [(slot, slot % 7) for slot in (1_000_000, 1_010_000, 1_020_000)]


def test_samples_of_an_interval_come_to_their_mean_at_its_end(clock):
    """(S - I, S]: the sample at the end is the interval's own."""
    line = Line(AIR, clock, 40, 10)
    samples = {1_000_000: 50, 1_010_000: 1, 1_020_000: 2, 1_030_000: 3, 1_040_000: 4}

    found = line.until(1_040_000, samples.__getitem__)

    assert told(found) == [
        (1_000_000, "too few samples (1 of 4)"),
        (1_040_000, Decimal("2.5").quantize(Decimal("0.1"))),
    ]


def test_a_failed_sample_is_one_less(clock):
    line = Line(AIR, clock, 40, 10)
    line.until(1_000_000, lambda _: 0)
    samples = iter([1, "timeout", 2, 3])

    assert told(line.until(1_040_000, lambda _: next(samples))) == [(1_040_000, Decimal("2.0"))]


def test_too_many_failed_samples_are_told_by_their_reason(clock):
    line = Line(AIR, clock, 40, 10)
    line.until(1_000_000, lambda _: 0)

    assert told(line.until(1_040_000, lambda _: "timeout")) == [(1_040_000, "timeout")]


def test_rain_is_summed_however_many_samples_failed(clock):
    """The gauge gives what fell since it was last read: nothing is lost by a time-out."""
    line = Line(RAIN, clock, 40, 10)
    line.until(1_000_000, lambda _: 0)
    samples = iter(["timeout", "timeout", "timeout", Decimal("1.2")])
    (found,) = line.until(1_040_000, lambda _: next(samples))

    assert (found.value, found.flag) == (Decimal("1.2"), Flag.SUSPECT)


def test_a_counter_read_once_an_interval_gives_what_was_added(clock):
    line = Line(COUNTER, clock, 600, None)
    found = line.until(2_800_000, lambda slot_ms: (slot_ms // 600_000 * 300 + 64_500) % 65_536)

    assert told(found) == [
        (1_000_000, "first reading of a counter"),
        (1_600_000, 300),
        (2_200_000, 300),
        (2_800_000, 300),
    ]


def test_a_slot_that_failed_makes_the_next_increment_suspect(clock):
    line = Line(COUNTER, clock, 600, None)
    samples = iter([100, "timeout", 160, 170])
    found = line.until(2_800_000, lambda _: next(samples))

    assert [(one.value, one.flag) for one in found[1:]] == [
        (None, Flag.MISSING),
        (60, Flag.SUSPECT),
        (10, Flag.PASS),
    ]


def test_a_counter_goes_on_after_a_restart(clock, notebook):
    readings = {1_000_000: 100, 1_600_000: 130, 2_200_000: 160}
    line = Line(COUNTER, clock, 600, None, notebook)
    notebook.commit(line.until(1_600_000, readings.__getitem__))
    clock.mono = 1_600_001

    again = Line(COUNTER, clock, 600, None, notebook)

    assert told(again.until(2_200_000, readings.__getitem__)) == [(2_200_000, 30)]


def test_after_a_boot_the_increment_is_suspect_and_a_lower_reading_a_reset(clock, notebook):
    line = Line(COUNTER, clock, 600, None, notebook)
    notebook.commit(line.until(1_000_000, lambda _: 65_530))
    for reading, expected in ("65535", (5, Flag.SUSPECT)), ("2", (None, Flag.MISSING)):
        after = Notebook("boot-b", dict(notebook.memos))
        sampler = Sampler(PLACE, plan_of(COUNTER, 600), HandClock(0, 600_000), after)
        (found,) = sampler.take(0, [Reading("saltation_count", Decimal(reading))])
        assert (found.value, found.flag) == expected


def test_a_memo_that_cannot_be_read_is_no_memo(clock, notebook):
    notebook.memos[f"{PLACE}/saltation_count"] = '{"boot": 7}'

    (found,) = Line(COUNTER, clock, 600, None, notebook).until(1_000_000, lambda _: 5)
    assert found.reason == "first reading of a counter"


def test_rain_that_is_out_of_the_gauge_outlives_a_power_cut(clock, notebook):
    """Read each minute and reported every ten: what was read before the cut is reported after it."""
    line = Line(RAIN, clock, 40, 10, notebook)
    line.until(1_030_000, lambda _: Decimal("0.2"), notebook.commit)

    clock.mono = 1_030_001
    again = Line(RAIN, clock, 40, 10, notebook)
    found = again.until(1_040_000, lambda _: Decimal("0.1"), notebook.commit)

    assert told(found) == [(1_040_000, Decimal("0.7"))]
    clock.mono = 1_040_001
    last = Line(RAIN, clock, 40, 10, notebook)
    assert told(last.until(1_080_000, lambda _: 0))[-1] == (1_080_000, 0)


@pytest.mark.parametrize(
    ("boot", "away_s", "flag"),
    [
        ("boot-a", 0, Flag.PASS),
        ("boot-a", 3600, Flag.SUSPECT),  # an hour's rain at one instant
        ("boot-b", 0, Flag.SUSPECT),  # nobody knows how long the machine was off
    ],
)
@pytest.mark.parametrize("sample_s", [None, 10])
def test_the_first_rain_after_a_restart_is_of_a_known_time_or_suspect(
    clock, notebook, boot, away_s, flag, sample_s
):
    line = Line(RAIN, clock, 40, sample_s, notebook)
    line.until(1_080_000, lambda _: Decimal("0.1"), notebook.commit)
    clock.mono = 1_080_001 + away_s * 1000
    again = Line(RAIN, clock, 40, sample_s, Notebook(boot, notebook.memos))
    found = again.until(clock.mono + 39_999, lambda _: Decimal("0.1"))

    assert [(one.value > 0, one.flag) for one in found] == [(True, flag)]


def test_rain_gathered_before_a_restart_and_after_it_is_of_one_interval(clock, notebook):
    line = Line(RAIN, clock, 40, 10, notebook)
    line.until(1_060_000, lambda _: Decimal("0.1"), notebook.commit)
    clock.mono = 1_060_001
    again = Line(RAIN, clock, 40, 10, notebook)
    (found,) = again.until(1_080_000, lambda _: Decimal("0.1"))

    assert (found.value, found.flag) == (Decimal("0.4"), Flag.PASS)


@pytest.mark.parametrize(
    ("boot", "reading", "expected"),
    [
        ("boot-a", 170, (Decimal(70), Flag.PASS)),
        ("boot-b", 170, (Decimal(70), Flag.SUSPECT)),
        ("boot-b", 30, (None, Flag.MISSING)),
    ],
)
def test_what_a_counter_added_across_a_restart(clock, notebook, boot, reading, expected):
    """Its reading persists: the increment is right, and suspect where it may span longer."""
    line = Line(COUNTER, clock, 40, None, notebook)
    notebook.commit(line.until(1_000_000, lambda _: 100))
    clock.mono = 1_000_001
    again = Line(COUNTER, clock, 40, None, Notebook(boot, notebook.memos))
    (found,) = again.until(1_040_000, lambda _: reading)

    assert (found.value, found.flag) == expected
    assert found.reason == ("counter reset" if expected[0] is None else "")


def test_a_dry_gauge_writes_nothing(clock, notebook):
    Line(RAIN, clock, 40, 10, notebook).until(1_200_000, lambda _: 0)

    assert notebook.memos == {}


@pytest.mark.parametrize(("began_ms", "expected"), [(10_000, "warming up"), (60_000, Decimal(5))])
def test_a_sensor_is_cold_for_a_while_after_the_machine_started(began_ms, expected):
    line = Line(AIR, HandClock(began_ms, began_ms), 10, None, warm_up_s=30)

    assert told(line.until(began_ms, lambda _: 5)) == [(began_ms, expected)]


def test_a_sensor_that_was_silent_is_cold_again(clock):
    line = Line(AIR, clock, 10, None, warm_up_s=15)
    samples = iter([1, "timeout", 2, 3, 4])
    found = line.until(1_040_000, lambda _: next(samples))

    assert [one for _, one in told(found)] == [1, "timeout", "warming up", 3, 4]


def test_what_a_gauge_gives_while_it_is_cold_has_fallen_all_the_same(clock):
    line = Line(RAIN, clock, 10, None, warm_up_s=15)
    samples = iter(["timeout", Decimal("0.4")])

    assert told(line.until(1_010_000, lambda _: next(samples)))[-1] == (1_010_000, Decimal("0.4"))


moves = st.lists(
    st.tuples(
        st.integers(1, 25_000),
        st.one_of(
            st.just(0),
            st.integers(-20_000, 20_000),
            st.sampled_from([3 * 365 * 86_400_000 + 1_234, -14 * 86_400_000 - 777]),
        ),
        st.one_of(st.integers(0, 9), st.just("timeout")),
    ),
    min_size=1,
    max_size=80,
)


@given(moves=moves)
@example(
    moves=[
        (8264, 6, 0),
        (123, 0, "timeout"),
        (21607, 0, "timeout"),
        (6242, -123, 0),
        (23882, 0, 0),
    ]
)
def test_however_the_clock_is_set_no_rain_is_lost_doubled_or_misdated(moves):
    clock = HandClock()
    line = Line(RAIN, clock, 40, 10)
    fallen, found = [], []

    def gauge(amount):
        if amount != "timeout":
            fallen.append(amount)
        return amount

    for wait_ms, jump_ms, amount in moves:
        clock.offset += jump_ms
        offset = clock.offset
        reported = line.until(clock.mono + wait_ms, lambda _, amount=amount: gauge(amount))
        assert all((one.mono_ms + offset) % 40_000 == 0 for one in reported)
        assert all(clock.mono - 40_000 * 3 // 2 <= one.mono_ms <= clock.mono for one in reported)
        found += reported
    waiting = sum(one.value for one in line.sampler._window.sums())

    assert sum(one.value or 0 for one in found) + waiting == sum(fallen)
    gaps = [later.mono_ms - earlier.mono_ms for earlier, later in pairwise(found)]
    assert all(20_000 < gap <= 60_000 for gap in gaps)


@given(
    rounds=st.lists(
        st.tuples(
            st.integers(0, 200),  # counted since the last slot
            st.sampled_from(["read", "read", "read", "timeout", "restart", "power cut"]),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_whenever_the_gateway_ends_no_increment_is_lost_or_doubled(rounds):
    """A power cut comes before the outbox has the observations; a restart after."""
    clock, notebook, kept, total = HandClock(), Notebook(), [], 0
    line, first, base = Line(COUNTER, clock, 40, 10, notebook), None, None
    for counted, event in rounds:
        total += counted
        reading = "timeout" if event == "timeout" else total
        found = line.until(clock.mono + 10_000, lambda _, reading=reading: reading)
        first = total if first is None and event != "timeout" else first
        if event != "power cut":
            notebook.commit(found)
            kept += [one.value for one in found if one.value is not None]
            base = first if base is None and notebook.memos else base
        if event in ("restart", "power cut"):
            clock.mono += 1
            line, first = Line(COUNTER, clock, 40, 10, notebook), None
    memo = read(notebook.recall(f"{PLACE}/saltation_count"))

    assert sum(kept) == (memo.reading - base if memo else 0)


def test_a_sample_after_an_end_that_the_clock_moved_is_of_the_next_interval(clock):
    """The clock is set on by 3 s while the sensor answers: the interval ended before it was asked."""
    sampler = Sampler(PLACE, plan_of(AIR, 40, 10), clock)
    found = []
    for slot_ms, degrees in ((1_010_000, 1), (1_020_000, 1), (1_030_000, 1), (1_040_000, 9)):
        clock.mono = slot_ms
        clock.offset += 3_000 * (slot_ms == 1_040_000)
        found += sampler.take(slot_ms, [Reading("air_temperature", Decimal(degrees))])

    assert told(found)[-1] == (1_037_000, Decimal("1.0"))


@pytest.mark.parametrize("text", ["1E+38", "1.2345678901234567E+300"])
@pytest.mark.parametrize(("interval_s", "sample_s"), [(10, None), (20, 10)])
def test_an_absurd_value_is_one_missing_value_and_no_more(clock, text, interval_s, sample_s):
    line = Line(AIR, clock, interval_s, sample_s)
    line.until(1_000_000, lambda _: 1)
    absurd = line.until(1_020_000, lambda _: Decimal(text))

    assert {one for _, one in told(absurd)} == {"unrepresentable"}
    assert told(line.until(1_040_000, lambda _: 2))[-1] == (1_040_000, 2)


def test_a_window_that_fails_to_close_is_not_tried_again(clock, monkeypatch):
    line = Line(AIR, clock, 10, None)
    line.until(1_000_000, lambda _: 1)

    def fail(span):
        raise ZeroDivisionError

    monkeypatch.setattr(line.sampler._window, "close", fail)
    with pytest.raises(ZeroDivisionError):
        line.until(1_010_000, lambda _: 2)

    assert told(line.until(1_020_000, lambda _: 3)) == [(1_020_000, 3)]


@pytest.mark.parametrize(("first", "expected"), [(Decimal("0.1"), "0.7"), ("timeout", "0.6")])
def test_rain_that_is_out_of_the_gauge_outlives_a_change_to_one_sample(
    clock, notebook, first, expected
):
    """`sample_s` is taken out of the settings: what was gathered comes first, and comes once."""
    before = Line(RAIN, clock, 40, 10, notebook)
    before.until(1_030_000, lambda _: Decimal("0.2"), notebook.commit)
    clock.mono = 1_030_001

    line = Line(RAIN, clock, 40, None, notebook)
    readings = {1_040_000: first, 1_080_000: Decimal("0.3")}
    found = line.until(1_080_000, readings.__getitem__, notebook.commit)

    assert told(found) == [(1_040_000, Decimal(expected)), (1_080_000, Decimal("0.3"))]
    assert read(notebook.recall(f"{PLACE}/rain")).gathered is None
    clock.mono = 1_080_001
    again = Line(RAIN, clock, 40, None, notebook)
    assert told(again.until(1_120_000, lambda _: 0)) == [(1_120_000, 0)]


def test_rain_that_stands_for_missed_slots_too_is_suspect(clock):
    """Decision 0027: the 12.4 mm fell over five intervals, and nobody knows in which."""
    line = Line(RAIN, clock, 600, None)
    samples = iter([0, *["timeout"] * 4, Decimal("12.4"), Decimal("0.2")])
    found = line.until(4_600_000, lambda _: next(samples))

    assert [(one.value, one.flag) for one in found if one.value is not None] == [
        (0, Flag.SUSPECT),  # nobody knows since when
        (Decimal("12.4"), Flag.SUSPECT),
        (Decimal("0.2"), Flag.PASS),
    ]


def test_rain_over_a_gap_is_suspect_however_many_samples_came_after_it(clock):
    line = Line(RAIN, clock, 40, 10)
    line.until(1_040_000, lambda _: 0)
    line.until(1_080_000, lambda _: "timeout")
    found = line.until(1_160_000, lambda _: Decimal("0.5"))

    assert [(one.value, one.flag) for one in found] == [
        (Decimal("2.0"), Flag.SUSPECT),
        (Decimal("2.0"), Flag.PASS),
    ]
