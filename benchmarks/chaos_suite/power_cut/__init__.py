"""Power cuts: what a real outbox wrote and synced is rebuilt as a disk may hold it after a cut."""

from benchmarks.chaos_suite.power_cut.experiment import perform
from benchmarks.chaos_suite.power_cut.outcome import Outcome

__all__ = ["Outcome", "perform"]
