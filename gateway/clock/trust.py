"""A monotonic clock to stamp on, how it maps to the wall clock, and how far that can be believed.

The offset between the two is held constant, so that neighbouring slots keep their exact distance;
it is taken anew only when what is believed has stepped.
"""

from threading import Lock
from typing import Literal

from gateway.clock.gnss import GnssTime
from gateway.clock.plausible import is_plausible
from gateway.clock.sources import TimeSources, read_boot_id
from wire.messages import ClockSource

# A wall clock further than this from where the offset puts it has been set, not slewed: NTP slews
# both clocks together and steps only above 128 ms (ntpd) or 400 ms (systemd-timesyncd).
STEP_MS = 500

# A real-time clock that agrees with the wall clock within this has set it; it tells whole seconds.
RTC_AGREES_MS = 5_000
_RTC_EVERY_MS, _RTC_AGAIN_MS = 60_000, 1_000  # it is read over a slow bus
# A thread can be put aside between two clock readings; a pair read this close together is good.
_PAIR_NS = 2_000_000
_PAIR_TRIES = 10

Trust = Literal["auto", "assume", "gnss", "rtc"]


class Clock:
    """Stamps in whole milliseconds, and how far they can be believed. Safe to share by threads.

    What is believed, the first that there is: the wall clock while the kernel says that NTP keeps
    it; a satellite receiver that is heard; with trust "rtc", the wall clock while it agrees with
    the real-time clock. With "gnss" the receiver alone, with "assume" the wall clock always. Once
    none of it holds any longer the clock is FREE: the last good offset is kept, whatever the wall
    clock is set to meanwhile. Before any of it held it is UNKNOWN.
    """

    def __init__(
        self, trust: Trust, sources: TimeSources | None = None, boot_id: str | None = None
    ) -> None:
        """Take the first offset."""
        self._sources = sources or TimeSources()
        self._trust = trust
        self._lock = Lock()
        self._gnss = GnssTime()
        self._rtc_looked_ms: int | None = None
        self._rtc_agrees = False
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

    def hear(self, line: bytes, mono_ms: int) -> None:
        """Take a line that may tell the time: of a satellite receiver, as it arrived."""
        if self._trust != "assume":
            with self._lock:
                self._gnss.hear(line, mono_ms)
                self._refresh()

    def _refresh(self) -> None:
        source, offset_ms = self._known()
        if source is None:
            if self._source is not ClockSource.UNKNOWN:
                self._source = ClockSource.FREE
                return
            offset_ms = self._measure()
        else:
            self._source = source
        # An unknown clock is followed wherever it goes: what it says is marked as unknown.
        if abs(offset_ms - self._offset_ms) > STEP_MS:
            self._offset_ms = offset_ms

    def _known(self) -> tuple[ClockSource | None, int]:
        """Find what can be believed now, and the offset by it."""
        if self._trust != "gnss" and self._is_kept():
            measured = self._measure()
            # Asked again: set between the first answer and the reading, it would be believed.
            if self._is_kept():
                return ClockSource.NTP, measured
        by_satellite = self._gnss.offset_ms(self.mono_ms())
        if by_satellite is not None:
            return ClockSource.GNSS, by_satellite
        if self._trust == "rtc":
            measured = self._measure()
            if self._rtc_keeps(measured):
                return ClockSource.RTC, measured
        return None, 0

    def _is_kept(self) -> bool:
        return self._trust == "assume" or self._sources.synchronised()

    def _rtc_keeps(self, offset_ms: int) -> bool:
        """Tell whether the real-time clock agrees with the wall clock; looked at now and then."""
        mono_ms = self.mono_ms()
        stepped = abs(offset_ms - self._offset_ms) > STEP_MS
        pause_ms = _RTC_AGAIN_MS if stepped else _RTC_EVERY_MS
        looked = self._rtc_looked_ms
        if looked is None or (stepped and self._rtc_agrees) or mono_ms - looked >= pause_ms:
            self._rtc_looked_ms = mono_ms
            told, wall_ms = self._sources.rtc_s(), mono_ms + offset_ms
            self._rtc_agrees = (
                told is not None
                and abs(told * 1000 - wall_ms) <= RTC_AGREES_MS
                and is_plausible(wall_ms)
            )
        return self._rtc_agrees

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
