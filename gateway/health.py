"""How the gateway itself is: what its heartbeat says."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from gateway.clock import Clock
from wire.messages import OutboxFigures, Status

_STATM = Path("/proc/self/statm")
_BOARD = Path("/proc/device-tree/model")


def software() -> str:
    """Name the program and its version."""
    return f"saxaul-gateway {version('saxaul')}"


def hardware(board: Path = _BOARD) -> str:
    """Name the board as its device tree does ("Raspberry Pi 4 Model B Rev 1.4"), or its CPU."""
    try:
        return board.read_text(encoding="ascii", errors="replace").strip("\0 \n")
    except OSError:
        return platform.machine()


def rss_mb(statm: Path = _STATM) -> float | None:
    """Resident memory of this process in units of 10^6 bytes; None where there is no /proc."""
    try:
        pages = int(statm.read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


class Health:
    """Composes status messages; counts from when it was made."""

    def __init__(self, clock: Clock) -> None:
        """Start counting the uptime."""
        self._clock = clock
        self._started_ms = clock.mono_ms()
        self._software = software()

    def status(
        self, state: str, figures: OutboxFigures, past: Sequence[OutboxFigures] = ()
    ) -> Status:
        """Describe the gateway now; `state` is "online" or "offline".

        `past` are the last figures of epochs whose outboxes were damaged and replaced.
        """
        now_ms = self._clock.mono_ms()
        return Status(
            state=state,
            at=self._clock.wall_of(now_ms),
            software=self._software,
            clock=self._clock.source(),
            outbox=[figures, *past],
            uptime_s=(now_ms - self._started_ms) / 1000,
            rss_mb=rss_mb(),
        )
