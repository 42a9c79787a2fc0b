"""A gateway's wall clock, set at will, and what the kernel says of it."""

from benchmarks.chaos_suite.faults.clocks.settable import SettableClock

__all__ = ["SettableClock"]
