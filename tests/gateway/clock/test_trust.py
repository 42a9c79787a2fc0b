"""Which clock is believed, by the setting and by what there is."""

from datetime import UTC, datetime

import pytest

from gateway.clock import Clock, TimeSources
from gateway.clock.sources import rtc_s
from wire.messages import ClockSource

TRUE_MS = 1_796_104_800_000  # 2026-12-01T06:00:00Z


class Machine:
    """A machine whose clocks a test sets; it has run for 100 s."""

    def __init__(self, trust, wall_ms=TRUE_MS, rtc=None, synchronised=False):
        self.mono = 100_000
        self.wall_offset = wall_ms - self.mono
        self.true_offset = TRUE_MS - self.mono
        self.rtc = rtc
        self.synchronised = synchronised
        self.clock = Clock(
            trust,
            TimeSources(
                lambda: self.mono * 1_000_000,
                lambda: (self.mono + self.wall_offset) * 1_000_000,
                lambda: self.synchronised,
                lambda: self.rtc and self.rtc + (self.mono - 100_000) // 1000,
            ),
            "boot-a",
        )

    def pass_s(self, seconds):
        self.mono += round(seconds * 1000)

    def receive(self, seconds=3):
        """Have a satellite receiver talk for some seconds."""
        for _ in range(seconds):
            self.pass_s(1)
            moment = datetime.fromtimestamp((self.mono + self.true_offset) // 1000, UTC)
            body = f"GPRMC,{moment:%H%M%S}.00,A,,,,,,,{moment:%d%m%y},,,A"
            checksum = 0
            for byte in body.encode():
                checksum ^= byte
            self.clock.hear(f"${body}*{checksum:02X}".encode(), self.mono)

    def found(self):
        """Tell what is believed, and how far from the truth."""
        source = self.clock.source()
        return source, self.clock.wall_of(self.mono) - self.mono - self.true_offset


WEEKS = -14 * 86_400_000


def test_a_receiver_sets_a_clock_that_was_two_weeks_behind():
    machine = Machine("gnss", TRUE_MS + WEEKS)
    assert machine.found() == (ClockSource.UNKNOWN, WEEKS)
    machine.receive()

    assert machine.found() == (ClockSource.GNSS, 0)


def test_auto_believes_a_receiver_while_nothing_keeps_the_wall_clock():
    machine = Machine("auto", TRUE_MS + WEEKS)
    machine.receive()
    assert machine.found() == (ClockSource.GNSS, 0)
    machine.synchronised, machine.wall_offset = True, machine.true_offset

    assert machine.found() == (ClockSource.NTP, 0)


def test_with_gnss_the_kernel_is_not_asked():
    machine = Machine("gnss", TRUE_MS + WEEKS, synchronised=True)

    assert machine.found() == (ClockSource.UNKNOWN, WEEKS)


def test_a_receiver_that_has_gone_leaves_a_free_clock_that_nothing_moves():
    machine = Machine("gnss", TRUE_MS + WEEKS)
    machine.receive()
    machine.pass_s(61)
    machine.wall_offset += 3 * 365 * 86_400_000

    assert machine.found() == (ClockSource.FREE, 0)


def test_assume_hears_no_receiver():
    machine = Machine("assume", TRUE_MS + WEEKS)
    machine.receive()

    assert machine.found() == (ClockSource.NTP, WEEKS)


def test_a_real_time_clock_that_agrees_is_believed():
    assert Machine("rtc", rtc=TRUE_MS // 1000 + 2).found() == (ClockSource.RTC, 0)


@pytest.mark.parametrize(
    ("wall_ms", "rtc"),
    [
        (TRUE_MS, None),
        (TRUE_MS, TRUE_MS // 1000 - 60),
        (946_684_800_000, 946_684_800),  # 2000: its battery was dead
    ],
)
def test_a_real_time_clock_that_is_absent_or_wrong_is_not(wall_ms, rtc):
    assert Machine("rtc", wall_ms, rtc).found()[0] is ClockSource.UNKNOWN


def test_auto_does_not_take_a_real_time_clock_at_its_word():
    assert Machine("auto", rtc=TRUE_MS // 1000).found()[0] is ClockSource.UNKNOWN


def test_a_wall_clock_that_is_set_by_hand_is_not_believed_against_the_real_time_clock():
    machine = Machine("rtc", rtc=TRUE_MS // 1000)
    machine.found()
    machine.pass_s(10)
    machine.wall_offset += 3_600_000
    assert machine.found() == (ClockSource.FREE, 0)
    machine.wall_offset -= 3_600_000
    machine.pass_s(60)

    assert machine.found() == (ClockSource.RTC, 0)


def test_the_real_time_clock_is_asked_no_more_than_once_a_second():
    """It hangs on a slow bus, and the clock is read many times a second."""
    asked = []
    machine = Machine("rtc", rtc=TRUE_MS // 1000 - 60)
    sources = machine.clock._sources
    machine.clock._sources = TimeSources(
        sources.mono_ns, sources.wall_ns, sources.synchronised, lambda: asked.append(1)
    )
    machine.wall_offset += 3_600_000
    for _ in range(300):
        machine.pass_s(0.1)
        machine.found()

    assert len(asked) <= 31


def test_ntp_goes_before_the_real_time_clock():
    machine = Machine("rtc", rtc=TRUE_MS // 1000, synchronised=True)

    assert machine.found() == (ClockSource.NTP, 0)


def test_the_machines_real_time_clock_is_read_from_the_kernel(tmp_path):
    path = tmp_path / "since_epoch"
    assert rtc_s(path) is None
    path.write_text("1796104800\n")

    assert rtc_s(path) == 1_796_104_800
