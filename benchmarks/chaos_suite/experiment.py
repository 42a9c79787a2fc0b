"""One run: start, let the faults strike, heal, wait until all has drained, stop, and audit."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos_suite.backlog import Backlog
from benchmarks.chaos_suite.evidence import read_database, read_outbox
from benchmarks.chaos_suite.memory import Growth
from benchmarks.chaos_suite.rig import Rig, Setting, running
from benchmarks.chaos_suite.schedule import BROKER, SERVER, SIMULATOR, Profile, Schedule
from benchmarks.chaos_suite.site import GATEWAYS, STATIONS
from benchmarks.chaos_suite.tally import compare
from deploy.demo.check import Verdict
from deploy.demo.check.evidence import read_sensors, read_truth
from deploy.local_postgres import LocalPostgres

_TICK_S = 0.05
_MEMORY_EVERY_S = 0.5
DRAIN_TIMEOUT_S = 150.0
# What a gateway sealed when it was told to stop is on its way.
_ARRIVAL_TIMEOUT_S = 15.0
_STOP_S = 6.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run showed. `backlog_s`: from the end of the faults until all had been confirmed."""

    schedule: Schedule
    verdict: Verdict
    backlog_s: float
    growth_mb: float
    complaints: Sequence[str]
    diary: Sequence[str]

    @property
    def held(self) -> bool:
        """Tell whether the promise was kept, and every program did as it should."""
        return self.verdict.is_exact and not self.complaints


def perform(schedule: Schedule, folder: Path, postgres: LocalPostgres | None) -> Outcome:
    """Carry out a schedule in an empty folder; raises SetupError when something does not start."""
    setting = Setting(schedule.profile, folder, postgres, time.monotonic)
    with running(setting) as rig:
        return _Experiment(rig, schedule).perform()


@dataclass(slots=True)
class _Experiment:
    rig: Rig
    schedule: Schedule
    growth: Growth = field(default_factory=Growth)
    diary: list[str] = field(default_factory=list)
    _memory_due_s: float = 0.0

    def perform(self) -> Outcome:
        self._suffer()
        self.rig.faults.mend_all()
        backlog_s = self._drain()
        for name in GATEWAYS:
            self.rig.programs.stop(name, _STOP_S)
        verdict = self._audit()
        self._stop_others()
        return Outcome(
            self.schedule,
            verdict,
            backlog_s,
            self.growth.mb,
            self.rig.programs.complaints,
            self.diary,
        )

    def _suffer(self) -> None:
        """Let everything happen at its moment."""
        began_s = time.monotonic()
        events = deque(self.schedule.events())

        def is_over() -> bool:
            elapsed_s = time.monotonic() - began_s
            while events and events[0][0] <= elapsed_s:
                _, strikes, fault = events.popleft()
                self.diary.append(f"{elapsed_s:7.3f} {'' if strikes else 'end of '}{fault}")
                (self.rig.faults.strike if strikes else self.rig.faults.mend)(fault)
            return not events and elapsed_s >= self.schedule.seconds

        self._wait(is_over, float("inf"))

    def _drain(self) -> float:
        """Wait until the server has confirmed all that was kept up to now; seconds it took.

        Returns when readings flow again as well: a gateway that was stopped before could not send.
        """
        began_s, began_ms = time.monotonic(), _now_ms()
        backlogs = [Backlog(path) for path in self.rig.outboxes.values()]

        def is_drained() -> bool:
            # Looks at each, every time: the first look is what counts as the backlog.
            looks = [one.is_confirmed(_now_ms()) for one in backlogs]
            return all(looks)

        def is_well() -> bool:
            return is_drained() and all(one.is_live(began_ms) for one in backlogs)

        drained = self._wait(is_drained, DRAIN_TIMEOUT_S)
        backlog_s = time.monotonic() - began_s
        if not drained or not self._wait(is_well, DRAIN_TIMEOUT_S):
            self.rig.programs.complaints.append(
                f"outboxes were not confirmed {DRAIN_TIMEOUT_S:.0f} s after the last fault"
            )
        return backlog_s

    def _audit(self) -> Verdict:
        """Compare, once all that the gateways sent last has arrived."""
        kept = {name: read_outbox(path) for name, path in self.rig.outboxes.items()}
        sensors = read_sensors(self.rig.layout.gateway(station) for station in STATIONS)
        answers = read_truth(self.rig.layout.truth)
        verdict = Verdict()

        def is_exact() -> bool:
            nonlocal verdict
            database = read_database(self.rig.database_url)
            if database is not None:
                verdict = compare(kept, database, sensors, answers)
            return verdict.is_exact

        if not self._wait(is_exact, _ARRIVAL_TIMEOUT_S, every_s=0.3) and not verdict.sent:
            self.rig.programs.complaints.append("the database cannot be read after all was healed")
        return verdict

    def _stop_others(self) -> None:
        self.rig.programs.stop(SIMULATOR, _STOP_S)
        self.rig.programs.stop(SERVER, _STOP_S)
        if self.schedule.profile is Profile.FULL:
            self.rig.programs.stop(BROKER, _STOP_S)

    def _wait(
        self, condition: Callable[[], bool], timeout_s: float, every_s: float = _TICK_S
    ) -> bool:
        """Wait for a condition, looking after the programs; tells whether it came to hold."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline_s:
                return False
            self.rig.programs.look_after()
            self._note_memory()
            time.sleep(every_s)
        return True

    def _note_memory(self) -> None:
        now_s = time.monotonic()
        if now_s < self._memory_due_s:
            return
        self._memory_due_s = now_s + _MEMORY_EVERY_S
        for name, pid in self.rig.programs.pids():
            if name in GATEWAYS:
                self.growth.note(pid, now_s)


def _now_ms() -> int:
    """Wall time in ms since the epoch: the clock that outboxes are written by."""
    return time.time_ns() // 1_000_000
