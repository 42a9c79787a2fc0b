"""The clock: whether it is set, kept by something, and kept through a power cut."""

from collections.abc import Iterator
from datetime import UTC, datetime

from gateway.config import ClockSection
from gateway.doctor.finding import Finding, failed, fine, look
from gateway.doctor.machine import Machine

# Made before this nobody's reading can be: a clock that says so has not been set.
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
_REMEDIES = {
    "assume": "compare it with a watch, in UTC",
    "gnss": "the local page tells whether the receiver is heard and believed",
    "rtc": "while it agrees with the real-time clock it is believed: compare with a watch",
}
_KEEPERS = ("chronyd", "systemd-timesyn", "ntpd", "openntpd")


def check_clock(
    section: ClockSection, now_ms: int, *, synchronised: bool, machine: Machine
) -> Iterator[Finding]:
    """Look at the wall clock and at what keeps it through a power cut."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    told = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now < _EARLIEST:
        yield failed("clock", f"it says {told}: it has not been set", _set_remedy(section))
    elif synchronised:
        yield fine("clock", f"{told}, kept by time servers")
    elif section.trust == "auto":
        yield look(
            "clock",
            f"{told}, kept by nothing the kernel knows of: readings wait up to "
            f"{section.hold_s / 3600:g} h for the right time",
            _keeper_remedy(machine),
        )
    else:
        yield look("clock", f"{told}; clock.trust is '{section.trust}'", _REMEDIES[section.trust])
    yield _through_a_power_cut(machine)


def _set_remedy(section: ClockSection) -> str:
    return (
        "bring the network up, or set it: sudo date -u -s '2026-11-20 06:00:00'"
        if section.trust == "auto"
        else "set it: sudo date -u -s '2026-11-20 06:00:00'; only then start the gateway"
    )


def _keeper_remedy(machine: Machine) -> str:
    running = {name for _, name in machine.processes()}
    if running.isdisjoint(_KEEPERS):
        return "install a time service: sudo apt install systemd-timesyncd"
    return "bring the network up (timedatectl shows whom it asks), or attach a real-time clock"


def _through_a_power_cut(machine: Machine) -> Finding:
    if machine.glob("/sys/class/rtc/rtc*"):
        return fine("real-time clock", "there is one: with a battery the time outlasts a cut")
    return look(
        "real-time clock",
        "there is none: after a power cut without a network the time is unknown",
        "attach a DS3231 (dtoverlay=i2c-rtc,ds3231), or a GNSS receiver",
    )
