"""Time on the gateway: a monotonic clock to stamp on, and how far the wall clock is believed."""

from gateway.clock.sources import TimeSources, kernel_synchronised, monotonic_ns, read_boot_id
from gateway.clock.trust import STEP_MS, Clock, Trust

__all__ = [
    "STEP_MS",
    "Clock",
    "TimeSources",
    "Trust",
    "kernel_synchronised",
    "monotonic_ns",
    "read_boot_id",
]
