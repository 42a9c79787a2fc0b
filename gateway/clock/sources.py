"""Where time is read on this machine: its clocks, its boot, and what keeps the wall clock right."""

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_RTC = Path("/sys/class/rtc/rtc0/since_epoch")
_TIMEX_BYTES = 512  # struct timex takes 208 bytes at most; its tail does not concern us
# linux/timex.h, NTP_PHASE_LIMIT, in us: the error grows to this in 9 h when nothing keeps the
# clock, and is set to it when someone sets the clock.
_MAX_ERROR_US = 16_000_000


class _TimexHead(ctypes.Structure):
    """Begin of struct timex, adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
    )


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def kernel_synchronised() -> bool:
    """Ask the kernel, by adjtimex(2), whether something keeps its clock; False where it cannot.

    By the error rather than STA_UNSYNC, as systemd does: chrony without `rtcsync` leaves that set.
    """
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        if _libc().adjtimex(buffer) < 0:
            return False
    except AttributeError:
        return False
    return bool(_TimexHead.from_buffer(buffer).maxerror < _MAX_ERROR_US)


def monotonic_ns() -> int:
    """Nanoseconds since the machine started, its sleep included where the kernel counts it."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def read_boot_id(path: Path = _BOOT_ID) -> str:
    """Name this boot of the machine; without one, this process, whose start nothing else shares."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return f"process-{time.time_ns()}"


def rtc_s(path: Path = _RTC) -> int | None:
    """Read the battery-backed clock, in s since the Unix epoch; None where there is none."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # it is there, but cannot be read: a bus fault, say
        return None


@dataclass(frozen=True, slots=True)
class TimeSources:
    """Where a Clock reads time; replaced in tests."""

    mono_ns: Callable[[], int] = monotonic_ns
    wall_ns: Callable[[], int] = time.time_ns
    synchronised: Callable[[], bool] = kernel_synchronised
    rtc_s: Callable[[], int | None] = rtc_s
