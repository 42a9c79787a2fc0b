"""One run: start, let the faults strike, heal, wait until all has drained, stop, and audit."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos_suite.evidence import read_database, read_stored_batches
from benchmarks.chaos_suite.faults.carrying import Carrier
from benchmarks.chaos_suite.faults.equipment import Needs
from benchmarks.chaos_suite.faults.overfill import history_of
from benchmarks.chaos_suite.memory import Growth
from benchmarks.chaos_suite.rig import Rig, Setting, running
from benchmarks.chaos_suite.schedule import (
    BROKER,
    CLOCK_KINDS,
    SERVER,
    SIMULATOR,
    Kind,
    Profile,
    Schedule,
)
from benchmarks.chaos_suite.site import GATEWAYS, STATIONS
from benchmarks.chaos_suite.tally import compare
from benchmarks.chaos_suite.watch.backlog import Backlog
from benchmarks.chaos_suite.watch.kept import Account, account
from benchmarks.chaos_suite.watch.witness import Witness
from deploy.demo.check import Verdict
from deploy.demo.check.evidence import read_sensors, read_truth
from deploy.demo.outboxes import unsent
from deploy.demo.sites import Station
from deploy.local_postgres import LocalPostgres

_TICK_S = 0.05
_MEMORY_EVERY_S = 0.5
_LOOK_EVERY_S = 0.2
DRAIN_TIMEOUT_S = 150.0
# All must have drained this soon after the gateways were heard again, which may rightly have waited
# for their next attempt: a wait of 30 s until something is sent again would show. Later when the
# server may have to ask twice, a minute apart, for what a restore took from it, or when there is
# a whole budget to be sent.
SOON_S, LATE_S = 25.0, 80.0
# What a gateway sealed when it was told to stop is on its way; what it kept is carried by hand.
_ARRIVAL_TIMEOUT_S = 6.0
_STOP_S = 6.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run showed. `backlog_s`: from the end of the faults until all had been confirmed.

    `reported` of the lost readings are those that a gateway itself says it gave up for its budget;
    `hostile` counts the payloads that nobody should have sent.
    """

    schedule: Schedule
    verdict: Verdict
    backlog_s: float
    growth_mb: float
    complaints: Sequence[str]
    diary: Sequence[str]
    reported: int = 0
    hostile: int = 0

    @property
    def held(self) -> bool:
        """Tell whether the promise was kept, and every program did as it should.

        Nothing may be lost but what the gateways themselves report as lost.
        """
        verdict = self.verdict
        accounted = verdict.sent == verdict.stored + verdict.lost and verdict.stored > 0
        exact = accounted and not verdict.duplicated and not verdict.wrong
        return exact and verdict.lost == self.reported and not self.complaints


def perform(schedule: Schedule, folder: Path, postgres: LocalPostgres | None) -> Outcome:
    """Carry out a schedule in an empty folder; raises SetupError when something does not start."""
    witness = Witness()
    setting = Setting(
        schedule.profile,
        folder,
        postgres,
        time.monotonic,
        needs=Needs.of(schedule),
        tap=witness.note,
    )
    with running(setting) as rig:
        return Experiment(rig, schedule, witness).perform()


@dataclass(slots=True)
class Experiment:
    """A run on a rig. `witness` must have been the rig's tap since the start."""

    rig: Rig
    schedule: Schedule
    witness: Witness = field(default_factory=Witness)
    growth: Growth = field(default_factory=Growth)
    diary: list[str] = field(default_factory=list)
    _memory_due_s: float = 0.0
    _look_due_s: float = 0.0

    def perform(self) -> Outcome:
        """Let the schedule's faults strike, and conclude."""
        self._suffer()
        return self.conclude()

    def conclude(self) -> Outcome:
        """Undo all faults, wait until all has drained, stop everything and audit."""
        self.rig.faults.mend_all()
        backlog_s = self._drain()
        for name in GATEWAYS:
            self.rig.programs.stop(name, _STOP_S)
        self._look()
        for station in STATIONS:
            self._bring_in(station, self.rig.faults.cards.old(station.gateway))
        accounts = self._accounts()
        verdict, is_complete = self._audit(accounts)
        if not is_complete:
            for station in STATIONS:
                self._bring_in_the_rest(station)
            accounts = self._accounts()
            verdict, _ = self._audit(accounts)
        self._stop_others()
        return Outcome(
            self.schedule,
            verdict,
            backlog_s,
            self.growth.mb,
            [*self.rig.programs.complaints, *self.witness.complaints],
            self.diary,
            reported=sum(one.lost for one in accounts.values()),
            hostile=self.rig.faults.hand.delivered,
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

    # ------------------------------------------------------------ afterwards

    def _drain(self) -> float:
        """Wait until the database has all that was kept up to now; seconds it took.

        Returns when readings flow again as well: a gateway that was stopped before could not send.
        """
        began_s = heard_s = time.monotonic()
        counts = dict(self.witness.heard)
        backlogs = [Backlog(path) for path in self.rig.outboxes.values()]

        def is_confirmed() -> bool:
            nonlocal heard_s
            if any(self.witness.heard[name] == counts.get(name, 0) for name in GATEWAYS):
                heard_s = time.monotonic()
            # Looks at each, every time: the first look is what counts as the backlog.
            looks = [one.is_confirmed() for one in backlogs]
            return all(looks)

        def is_drained() -> bool:
            return is_confirmed() and not self._is_anything_amiss(backlogs)

        def is_well() -> bool:
            return is_drained() and all(one.is_live() for one in backlogs)

        drained = self._wait(is_drained, DRAIN_TIMEOUT_S)
        backlog_s = time.monotonic() - began_s
        if not drained or not self._wait(is_well, DRAIN_TIMEOUT_S):
            self._complain(
                f"outboxes were not confirmed {DRAIN_TIMEOUT_S:.0f} s after the last fault"
            )
        has_much = self.schedule.tight or self.schedule.targets(Kind.RESTORE)
        soon_s = LATE_S if has_much else SOON_S
        late_s = began_s + backlog_s - heard_s
        if late_s > soon_s:
            self._complain(f"all was there {late_s:.1f} s after the gateways were heard again")
        return backlog_s

    def _is_anything_amiss(self, backlogs: Sequence[Backlog]) -> bool:
        """Tell whether the database lacks a batch that its gateway takes for stored."""
        stored = read_stored_batches(self.rig.database_url)
        return stored is None or any(
            (gateway, epoch, seq) not in stored
            for gateway, backlog in zip(self.rig.outboxes, backlogs, strict=True)
            for epoch, seq in backlog.confirmed()
        )

    def _bring_in_the_rest(self, station: Station) -> None:
        """Carry by hand what a gateway observed after it had said goodbye."""
        outbox = self.rig.outboxes[station.gateway]
        if unsent(outbox):
            self._bring_in(station, [outbox.parent])

    def _bring_in(self, station: Station, cards: Sequence[Path]) -> None:
        """Carry by hand what is on SD cards."""
        layout, clock = self.rig.layout, self.rig.faults.clocks.get(station.gateway)
        server = self.rig.programs.child(SERVER)
        carrier = Carrier(layout.gateway(station), clock, layout.server, server)
        for card in cards:
            if told := carrier.bring_in(card):
                self._complain(told)

    def _accounts(self) -> Mapping[str, Account]:
        history = history_of(self.rig.layout.folder)
        return {
            gateway: account(
                self.rig.faults.cards.all_outboxes(gateway),
                self.witness.batches(gateway),
                history if gateway == self.schedule.tight else None,
            )
            for gateway in GATEWAYS
        }

    def _audit(self, accounts: Mapping[str, Account]) -> tuple[Verdict, bool]:
        """Compare, once all that the gateways sent last has arrived; tells whether it has."""
        kept = {gateway: one.kept for gateway, one in accounts.items()}
        sensors = read_sensors(self.rig.layout.gateway(station) for station in STATIONS)
        answers = read_truth(self.rig.layout.truth)
        lost = sum(one.lost for one in accounts.values())
        steps_ms = {gateway: self._steps_ms(gateway) for gateway in self.schedule.assumed}
        verdict = Verdict()

        def is_exact() -> bool:
            nonlocal verdict
            database = read_database(self.rig.database_url)
            if database is not None:
                verdict = compare(kept, database, sensors, answers, steps_ms)
            return verdict.sent > 0 and verdict.stored + lost == verdict.sent

        is_complete = self._wait(is_exact, _ARRIVAL_TIMEOUT_S, every_s=0.3)
        return verdict, is_complete

    def _steps_ms(self, gateway: str) -> Sequence[int]:
        """Tell by how much the clock of a gateway was wrong at times."""
        return [
            round(one.fault.step_s * 1000)
            for one in self.schedule.faults
            if one.fault.kind in CLOCK_KINDS and one.fault.target == gateway
        ]

    def _stop_others(self) -> None:
        self.rig.programs.stop(SIMULATOR, _STOP_S)
        self.rig.programs.stop(SERVER, _STOP_S)
        if self.schedule.profile is Profile.FULL:
            self.rig.programs.stop(BROKER, _STOP_S)

    # ------------------------------------------------------------ all the time

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
            self._look_when_due()
            time.sleep(every_s)
        return True

    def _look_when_due(self) -> None:
        now_s = time.monotonic()
        if now_s >= self._look_due_s:
            self._look_due_s = now_s + _LOOK_EVERY_S
            self._look()

    def _look(self) -> None:
        for gateway, path in self.rig.outboxes.items():
            self.witness.look(gateway, path)

    def _note_memory(self) -> None:
        now_s = time.monotonic()
        if now_s < self._memory_due_s:
            return
        self._memory_due_s = now_s + _MEMORY_EVERY_S
        for name, pid in self.rig.programs.pids():
            if name in GATEWAYS:
                self.growth.note(pid, now_s)

    def _complain(self, text: str) -> None:
        self.rig.programs.complaints.append(text)
