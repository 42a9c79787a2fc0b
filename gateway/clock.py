"""Time on the gateway: a monotonic clock to stamp on, and how it maps to the wall clock.

The offset between the two is held constant, so that neighbouring slots keep their exact distance;
it is taken anew only when the wall clock has stepped.
"""

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Literal

from wire.messages import ClockSource

# A wall clock further than this from where the offset puts it has been set, not slewed: NTP slews
# both clocks together and steps only above 128 ms (ntpd) or 400 ms (systemd-timesyncd).
STEP_MS = 500

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC = 0x0040  # linux/timex.h: the clock is not synchronised
_TIMEX_BYTES = 512  # struct timex takes 208 bytes at most; its tail does not concern us
# A thread can be put aside between two clock readings; a pair read this close together is good.
_PAIR_NS = 2_000_000
_PAIR_TRIES = 10


class _TimexHead(ctypes.Structure):
    """Begin of struct timex, adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
    )


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def kernel_synchronised() -> bool:
    """Ask the kernel, by adjtimex(2), whether something keeps its clock; False where it cannot."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        if _libc().adjtimex(buffer) < 0:
            return False
    except AttributeError:
        return False
    return not _TimexHead.from_buffer(buffer).status & _STA_UNSYNC


def monotonic_ns() -> int:
    """Nanoseconds since the machine started, its sleep included where the kernel counts it."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def read_boot_id(path: Path = _BOOT_ID) -> str:
    """Name this boot of the machine; without one, this process, whose start nothing else shares."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return f"process-{time.time_ns()}"


@dataclass(frozen=True, slots=True)
class TimeSources:
    """Where a Clock reads time; replaced in tests."""

    mono_ns: Callable[[], int] = monotonic_ns
    wall_ns: Callable[[], int] = time.time_ns
    synchronised: Callable[[], bool] = kernel_synchronised


class Clock:
    """Stamps in whole milliseconds, and how far they can be believed. Safe to share by threads.

    With trust "auto": synchronised now is NTP; synchronised earlier is FREE, and then the last good
    offset is kept, whatever the wall clock is set to meanwhile; never synchronised is UNKNOWN.
    """

    def __init__(
        self,
        trust: Literal["auto", "assume"],
        sources: TimeSources | None = None,
        boot_id: str | None = None,
    ) -> None:
        """Take the first offset."""
        self._sources = sources or TimeSources()
        self._assume = trust == "assume"
        self._lock = Lock()
        self._offset_ms = self._measure()
        self._source = ClockSource.UNKNOWN
        self.boot_id = boot_id or read_boot_id()
        self._refresh()

    def mono_ms(self) -> int:
        """Milliseconds on the monotonic clock."""
        return self._sources.mono_ns() // 1_000_000

    def wall_of(self, mono_ms: int) -> int:
        """Convert an instant of the monotonic clock to ms since the Unix epoch, as now known."""
        with self._lock:
            self._refresh()
            return mono_ms + self._offset_ms

    def source(self) -> ClockSource:
        """Tell how the wall clock is known now."""
        with self._lock:
            self._refresh()
            return self._source

    def _refresh(self) -> None:
        kept = self._is_kept()
        if kept or self._source is ClockSource.UNKNOWN:
            measured = self._measure()
            # Asked again: set between the first answer and the reading, it would be believed.
            kept = kept and self._is_kept()
            if kept or self._source is ClockSource.UNKNOWN:
                self._take(measured)
        if kept:
            self._source = ClockSource.NTP
        elif self._source is not ClockSource.UNKNOWN:
            self._source = ClockSource.FREE

    def _is_kept(self) -> bool:
        return self._assume or self._sources.synchronised()

    def _take(self, measured_ms: int) -> None:
        if abs(measured_ms - self._offset_ms) > STEP_MS:
            self._offset_ms = measured_ms

    def _measure(self) -> int:
        """Wall minus monotonic, in ms, from the closest pair of readings."""
        best: tuple[int, int] | None = None
        for _ in range(_PAIR_TRIES):
            before = self._sources.mono_ns()
            wall = self._sources.wall_ns()
            width = self._sources.mono_ns() - before
            if best is None or width < best[0]:
                best = (width, (wall - before - width // 2) // 1_000_000)
            if width < _PAIR_NS:
                break
        return best[1] if best else 0
