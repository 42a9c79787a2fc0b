"""How the gateway knows time."""

import itertools

import pytest

from gateway.clock import Clock, TimeSources, kernel_synchronised, read_boot_id
from wire.messages import ClockSource

WALL_MS = 1_767_225_600_000


def test_wall_of_adds_a_constant_offset(hand, clock_of):
    clock = clock_of(hand)
    assert clock.wall_of(hand.mono_ms) == WALL_MS
    assert clock.wall_of(hand.mono_ms + 600_000) == WALL_MS + 600_000


@pytest.mark.parametrize("slew_ms", [-500, -1, 1, 500])
def test_a_slew_leaves_the_offset_alone(hand, clock_of, slew_ms):
    """Neighbouring slots keep their exact distance while NTP trims the clock."""
    clock = clock_of(hand)
    hand.offset_ms += slew_ms
    assert clock.wall_of(hand.mono_ms) == WALL_MS


@pytest.mark.parametrize("step_ms", [-86_400_000, -501, 501, 3_600_000])
def test_a_step_is_followed(hand, clock_of, step_ms):
    clock = clock_of(hand, trust="assume")
    hand.offset_ms += step_ms
    assert clock.wall_of(hand.mono_ms) == WALL_MS + step_ms


def test_assume_takes_the_operators_word(hand, clock_of):
    assert clock_of(hand, trust="assume").source() is ClockSource.NTP


def test_auto_believes_the_kernel(hand, clock_of):
    clock = clock_of(hand)
    assert clock.source() is ClockSource.UNKNOWN
    hand.synchronised = True
    assert clock.source() is ClockSource.NTP


def test_a_clock_that_lost_ntp_runs_free_and_ignores_steps(hand, clock_of):
    """Someone sets the date by hand while the link is down: no reading is misdated by it."""
    hand.synchronised = True
    clock = clock_of(hand)
    assert clock.source() is ClockSource.NTP
    hand.synchronised = False
    hand.offset_ms += 3_600_000
    assert clock.source() is ClockSource.FREE
    assert clock.wall_of(hand.mono_ms) == WALL_MS
    hand.synchronised = True
    assert clock.wall_of(hand.mono_ms) == WALL_MS + 3_600_000


def test_a_step_right_after_the_kernel_was_asked_is_not_believed(hand):
    """Setting the clock by hand ends its synchronisation: the answer before is no longer true."""

    steps = []

    def synchronised():
        answer = hand.synchronised
        if answer and steps:
            hand.synchronised = False
            hand.offset_ms += steps.pop()
        return answer

    def wall_ns():
        return (hand.mono_ms + hand.offset_ms) * 1_000_000

    hand.synchronised = True
    clock = Clock("auto", TimeSources(lambda: hand.mono_ms * 1_000_000, wall_ns, synchronised))
    steps.append(3_600_000)

    assert clock.wall_of(hand.mono_ms) == WALL_MS
    assert clock.source() is ClockSource.FREE


def test_a_pause_between_two_readings_is_no_step():
    """The pair of readings that lay closest together is the one believed."""
    mono_ns = itertools.chain([0, 0], [10**9, 4 * 10**9], itertools.repeat(5 * 10**9))
    wall_ns = itertools.chain([10**9], itertools.repeat(6 * 10**9))
    sources = TimeSources(lambda: next(mono_ns), lambda: next(wall_ns), lambda: True)
    clock = Clock("auto", sources, "boot-a")
    assert clock.wall_of(5000) == 6000


def test_mono_ms_is_whole_milliseconds(hand, clock_of):
    assert clock_of(hand).mono_ms() == 1_000_000


def test_boot_id_is_the_kernels(tmp_path):
    path = tmp_path / "boot_id"
    path.write_text("41fd0d12-2c37-4a2b-8d0a-9f1b0f6a3c55\n")
    assert read_boot_id(path) == "41fd0d12-2c37-4a2b-8d0a-9f1b0f6a3c55"


def test_without_a_boot_id_every_process_is_a_boot_of_its_own(tmp_path):
    absent = tmp_path / "absent"
    assert read_boot_id(absent) != read_boot_id(absent)


def test_the_real_sources_work():
    clock = Clock("auto")
    before = clock.mono_ms()
    assert clock.mono_ms() >= before
    assert isinstance(kernel_synchronised(), bool)
    assert clock.wall_of(clock.mono_ms()) > 1_700_000_000_000
