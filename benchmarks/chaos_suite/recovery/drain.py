"""One recovery: a gateway comes back with a long backlog; how soon it is in, and at whose cost."""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from math import isnan
from pathlib import Path

from benchmarks.chaos_suite.evidence import Database, read_outbox
from benchmarks.chaos_suite.memory import Growth
from benchmarks.chaos_suite.recovery.comparison import compare_past
from benchmarks.chaos_suite.recovery.live import LiveWatch
from benchmarks.chaos_suite.recovery.past import Past
from benchmarks.chaos_suite.recovery.site import LATE, LATE_PACE, LIVE, LIVE_PACE, series_of
from benchmarks.chaos_suite.recovery.witness import NOT_NOW, Witness
from benchmarks.chaos_suite.rig import Rig, Setting, running
from benchmarks.chaos_suite.schedule import BROKER, DATABASE, SERVER, SIMULATOR, Profile
from benchmarks.chaos_suite.tally import compare
from deploy.demo.check import Verdict
from deploy.demo.check.evidence import read_sensors, read_truth
from deploy.demo.sites import Station
from deploy.errors import SetupError
from deploy.local_postgres import LocalPostgres

# Long beyond the promise: a slow recovery is to be told in seconds, not as a failure to wait.
_TIMEOUT_S = 300.0
_ARRIVAL_TIMEOUT_S = 15.0
_STOP_S = 6.0
_TICK_S = 0.1
_DOWN_S = 1.0
_CALM_S = 3.0
# A reading that has been under way for longer is not live.
LIVE_S = 2.0


class LastFault(StrEnum):
    """What ends before the stop-watch starts."""

    CUT = "cut"  # the late gateway's link, cut since its backlog began
    KILL = "kill"  # of server and database, with a part of the backlog in


@dataclass(frozen=True, slots=True)
class Case:
    """One recovery to be measured: `outbox` is a data folder that holds `past`; it is copied.

    The live gateway is watched for `watched_s` at least, however soon the backlog is in.
    """

    profile: Profile
    last_fault: LastFault
    past: Past
    outbox: Path
    watched_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a recovery showed; seconds. `live_max_s` counts from when the live one had caught up.

    `live_back_s` says how long after the last fault that was.
    """

    case: Case
    verdict: Verdict
    backlog_s: float
    live_max_s: float
    live_back_s: float
    live_readings: int
    growth_mb: float
    complaints: Sequence[str]

    @property
    def held(self) -> bool:
        """Tell whether nothing was lost, doubled or changed; its times are judged elsewhere."""
        return self.verdict.is_exact and not self.complaints

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"recovery {self.case.profile} after {self.case.last_fault}: {self.verdict},"
            f" backlog {self.backlog_s:.1f} s, live at most {self.live_max_s:.2f} s"
            f" ({self.live_readings} readings, back after {self.live_back_s:.1f} s),"
            f" growth {self.growth_mb:.1f} MB"
        )


def perform(case: Case, folder: Path, postgres: LocalPostgres | None) -> Recovery:
    """Measure a recovery in an empty folder; raises SetupError when something does not start."""
    stations = ((LATE, LATE_PACE), (LIVE, LIVE_PACE))
    setting = Setting(case.profile, folder, postgres, time.monotonic, stations)
    with running(setting) as rig, closing(Witness(rig.database_url)) as witness:
        watch = LiveWatch(LIVE.gateway, rig.outboxes[LIVE.gateway], rig.database_url)
        with watch:
            return _Recovering(rig, case, witness, watch).perform()


@dataclass(slots=True)
class _Recovering:
    rig: Rig
    case: Case
    witness: Witness
    watch: LiveWatch
    growth: Growth = field(default_factory=Growth)

    def perform(self) -> Recovery:
        self._put_out_of_reach()
        self._wait(lambda: False, _CALM_S)
        ended_s = self._end_last_fault()
        done_s, back_s = self._await_both(ended_s)
        until_s = max(done_s, back_s + self.case.watched_s)
        self._wait(lambda: False, max(0.0, until_s - time.monotonic()))
        live_max_s = self.watch.slowest_s(back_s, until_s)
        live_readings = len(self.watch.ways(back_s, until_s))
        verdict = self._audit()
        self._stop_others()
        return Recovery(
            self.case,
            verdict,
            done_s - ended_s,
            live_max_s,
            back_s - ended_s,
            live_readings,
            self.growth.mb,
            self.rig.programs.complaints,
        )

    # ------------------------------------------------------------ the faults

    def _put_out_of_reach(self) -> None:
        """Cut the late gateway off, and give it the outbox of a gateway that long was."""
        name = LATE.gateway
        self.rig.faults.links[name].cut()
        self.rig.programs.kill(name)
        data = self.rig.outboxes[name].parent
        shutil.rmtree(data)
        shutil.copytree(self.case.outbox, data)
        self.rig.programs.raise_again(name)

    def _end_last_fault(self) -> float:
        """Let the last fault strike and end; gives the instant of its end."""
        link = self.rig.faults.links[LATE.gateway]
        link.heal()
        if self.case.last_fault is LastFault.CUT:
            return time.monotonic()
        if not self._wait(lambda: self._arrived() > 0, _TIMEOUT_S):
            raise SetupError("nothing of the backlog arrived before the fault")
        struck = (SERVER, DATABASE) if self.case.profile is Profile.FULL else (SERVER,)
        for name in struck:
            self.rig.programs.kill(name)
        link.cut()
        time.sleep(_DOWN_S)
        for name in reversed(struck):
            self.rig.programs.raise_again(name)
        link.heal()
        return time.monotonic()

    # ------------------------------------------------------------ what is waited for

    def _await_both(self, ended_s: float) -> tuple[float, float]:
        """Wait until all of the past is in and the live gateway has caught up; gives both instants.

        While the server was away the live one could send nothing: it too had a backlog, a small
        one. Cut off was only the other.
        """
        done_s: float | None = None
        back_s = ended_s if self.case.last_fault is LastFault.CUT else None

        def are_both() -> bool:
            nonlocal done_s, back_s
            if done_s is None and self._arrived() >= self.case.past.readings:
                done_s = time.monotonic()
            if back_s is None and self.watch.is_current(ended_s, LIVE_S):
                back_s = time.monotonic()
            return done_s is not None and back_s is not None

        if not self._wait(are_both, _TIMEOUT_S):
            self.rig.programs.complaints.append(
                f"{_TIMEOUT_S:.0f} s after the last fault {self._arrived()} of"
                f" {self.case.past.readings} readings of the backlog were in the database, and"
                f" {LIVE.gateway} was {'live' if back_s else 'not live'}"
            )
        return done_s or time.monotonic(), back_s or time.monotonic()

    def _arrived(self) -> int:
        try:
            return self.witness.stored(LATE.gateway, self.case.past.end_ms)
        except NOT_NOW:
            return 0

    # ------------------------------------------------------------ the audit

    def _audit(self) -> Verdict:
        """Compare all of the past, and what both gateways have measured since."""
        for station in (LATE, LIVE):
            self.rig.programs.stop(station.gateway, _STOP_S)
        kept = {
            name: [one for one in read_outbox(path) if one.time_ms >= self.case.past.end_ms]
            for name, path in self.rig.outboxes.items()
        }
        stations = (LATE, LIVE)
        sensors = read_sensors(self.rig.layout.gateway(station) for station in stations)
        answers = read_truth(self.rig.layout.truth)
        verdict = Verdict()

        def is_exact() -> bool:
            nonlocal verdict
            verdict = compare(kept, self._since_the_past(stations), sensors, answers)
            return verdict.is_exact

        self._wait(is_exact, _ARRIVAL_TIMEOUT_S)
        compare_past(self.case.past, self.witness, verdict)
        return verdict

    def _since_the_past(self, stations: Sequence[Station]) -> Database:
        """Read what the database has of the time after the past."""
        from_ms, to_ms = self.case.past.end_ms, time.time_ns() // 1_000_000 + 60_000
        stored = {}
        for station in stations:
            for name, _ in series_of(station):
                times, values = self.witness.values(station.gateway, name, from_ms, to_ms)
                found = [None if isnan(value) else value for value in values.tolist()]
                stored[station.gateway, name] = dict(zip(times.tolist(), found, strict=True))
        return Database(stored, self.witness.stored_twice())

    def _stop_others(self) -> None:
        names = [SIMULATOR, SERVER]
        if self.case.profile is Profile.FULL:
            names.append(BROKER)
        for name in names:
            self.rig.programs.stop(name, _STOP_S)

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for a condition, looking after the programs; tells whether it came to hold."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            now_s = time.monotonic()
            if now_s > deadline_s:
                return False
            self.rig.programs.look_after()
            for name, pid in self.rig.programs.pids():
                if name == LATE.gateway:
                    self.growth.note(pid, now_s)
            time.sleep(_TICK_S)
        return True
