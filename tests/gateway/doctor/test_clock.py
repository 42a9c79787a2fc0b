"""The clock: set, kept, and kept through a power cut."""

import pytest

from gateway.config import ClockSection
from gateway.doctor.clock import check_clock

NOW_MS = 1_795_000_000_000  # November 2026
AUTO, ASSUME = ClockSection(), ClockSection(trust="assume")


@pytest.mark.parametrize(
    ("section", "now_ms", "synchronised", "verdict"),
    [
        (AUTO, NOW_MS, True, "fine"),
        (AUTO, NOW_MS, False, "look"),
        (ASSUME, NOW_MS, False, "look"),
        (ClockSection(trust="gnss"), NOW_MS, False, "look"),
        (ClockSection(trust="rtc"), NOW_MS, False, "look"),
        (AUTO, 1_600_000_000_000, True, "failed"),
        (ASSUME, 0, False, "failed"),
    ],
)
def test_how_the_clock_is(machine, verdicts, section, now_ms, synchronised, verdict):
    found = verdicts(check_clock(section, now_ms, synchronised=synchronised, machine=machine))

    assert found["clock"] == verdict


def test_a_missing_time_service_is_named_as_the_remedy(machine, machine_file):
    def remedy():
        first, *_ = check_clock(AUTO, NOW_MS, synchronised=False, machine=machine)
        return first.remedy

    assert "install a time service" in remedy()
    machine_file("/proc/7/comm", "chronyd\n")
    assert "bring the network up" in remedy()


def test_a_real_time_clock_is_seen(machine, machine_file, verdicts):
    def verdict():
        found = check_clock(AUTO, NOW_MS, synchronised=True, machine=machine)
        return verdicts(found)["real-time clock"]

    assert verdict() == "look"
    machine_file("/sys/class/rtc/rtc0/name", "ds1307\n")
    assert verdict() == "fine"
