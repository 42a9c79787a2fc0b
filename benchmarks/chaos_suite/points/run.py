"""One run at a point: let it work, kill it there three times, heal, drain, audit."""

import os
import signal
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random

from benchmarks.chaos_suite.evidence import read_outbox
from benchmarks.chaos_suite.experiment import Experiment, Outcome
from benchmarks.chaos_suite.points.catalogue import GATEWAY, POINTS, Trigger
from benchmarks.chaos_suite.points.disk import Follower, Meaning, traced
from benchmarks.chaos_suite.points.events import Event
from benchmarks.chaos_suite.points.kept import confirmed, is_stored
from benchmarks.chaos_suite.points.mqtt import MqttTalk
from benchmarks.chaos_suite.points.postgres import PostgresTalk
from benchmarks.chaos_suite.points.taps import Passage, Taps
from benchmarks.chaos_suite.points.trap import DISK, Gate, Sight, Trap
from benchmarks.chaos_suite.points.whole import find_torn
from benchmarks.chaos_suite.points.witness import Witness
from benchmarks.chaos_suite.rig import Rig, Setting, running
from benchmarks.chaos_suite.schedule import DATABASE, SERVER, Profile, Schedule
from benchmarks.chaos_suite.site import GATEWAYS
from benchmarks.chaos_suite.watch import witness as watch
from deploy.demo.page import Page
from deploy.local_postgres import LocalPostgres

STRIKES = 3
_MAX_COUNT = 3  # of times that a point is reached until the kill
_ATTEMPTS = 3  # of one strike: at a disk a busy machine may be too late
_REACH_TIMEOUT_S = 30.0
_PROOF_TIMEOUT_S = 1.0
_READY_TIMEOUT_S = 45.0
_DOWN_S = (0.1, 0.5)
_TICK_S = 0.01


def perform_point(
    point: str,
    profile: Profile,
    seed: int,
    folder: Path,
    postgres: LocalPostgres | None,
    strikes: int = STRIKES,
) -> Outcome:
    """Kill at a point so many times; raises KeyError for one that the profile does not have.

    Raises SetupError when something does not start or is not installed.
    """
    trigger = POINTS[point].triggers[profile]
    began_s = time.monotonic()
    file = folder / "saxaul.db"
    witness = Witness(partial(is_stored, file) if profile is Profile.EMBEDDED else None)
    seen = watch.Witness()
    with _tapped(witness) as (gate, taps):
        setting = Setting(
            profile, folder, postgres, time.monotonic, through=_through(taps), tap=seen.note
        )
        with running(setting) as rig:
            rng = Random(f"{seed} {point} {profile}")
            run = _Run(rig, gate, taps, rng, began_s, is_embedded=profile is Profile.EMBEDDED)
            hits = run.strike(point, trigger, strikes)
            run.settle()
            schedule = Schedule(seed, profile, 0.0, ())
            outcome = Experiment(rig, schedule, seen, diary=run.diary).conclude()
            torn = [one for path in rig.outboxes.values() for one in find_torn(read_outbox(path))]
    missed = () if hits == strikes else (f"{point} was reached {hits} times, not {strikes}",)
    complaints = (*outcome.complaints, *missed, *witness.found, *torn)
    return replace(outcome, complaints=complaints)


@contextmanager
def _tapped(witness: Witness) -> Iterator[tuple[Gate, Taps]]:
    gate = Gate(witness)
    taps = Taps(gate.judge)
    gate.on_change = taps.ask_again
    try:
        yield gate, taps
    finally:
        gate.on_change = _nothing
        taps.close()


def _through(taps: Taps) -> Callable[[str, int], int]:
    """Put a tap before every port that the rig asks about."""
    return lambda peer, port: taps.add(peer, port, PostgresTalk if peer == DATABASE else MqttTalk)


@dataclass(slots=True)
class _Run:
    rig: Rig
    gate: Gate
    taps: Taps
    rng: Random
    began_s: float
    is_embedded: bool
    diary: list[str] = field(default_factory=list)

    def strike(self, point: str, trigger: Trigger, strikes: int) -> int:
        """Kill at a point; tells how many kills are known to have come there."""
        hits = 0
        for _ in range(strikes):
            if not self._strike(point, trigger):
                break
            hits += 1
        return hits

    def settle(self) -> None:
        """Wait until the server works again, and the gateways have come anew.

        What is unconfirmed is sent again at once on a new connection, and after 30 s on an old one.
        """
        self._wait(self._page().is_ready, _READY_TIMEOUT_S)
        self.taps.drop(GATEWAYS)
        self.gate.publishing.clear()
        self._wait(lambda: self.gate.publishing.issuperset(GATEWAYS), _READY_TIMEOUT_S)

    def _page(self) -> Page:
        settings = tomllib.loads(self.rig.layout.server.read_text(encoding="utf-8"))
        return Page(settings["http"]["port"])

    def _strike(self, point: str, trigger: Trigger) -> bool:
        gateway = self.rng.choice(GATEWAYS)
        count = self.rng.randint(1, _MAX_COUNT)
        victim = gateway if trigger.victim == GATEWAY else trigger.victim
        for _ in range(_ATTEMPTS):
            told = self._attempt(trigger, gateway, victim, count)
            self._note(f"{point}, time {count}, {gateway}: {victim} {told.words}")
            if told.is_hit or not told.was_reached:
                return told.is_hit
        return False

    def _attempt(self, trigger: Trigger, gateway: str, victim: str, count: int) -> "_Told":
        trap = _trap(trigger, gateway, count)
        programs, child = self.rig.programs, self.rig.programs.child(victim)
        command = child.command
        with self._watched(trigger, victim) as follower:
            if self.is_embedded and victim == SERVER and (follower or self.diary):
                self._start_gateways_anew()
            self.gate.set(trap)
            reached = self._wait(lambda: self.gate.is_sprung, _REACH_TIMEOUT_S)
            if follower is None:
                time.sleep(trigger.grace_s)
            else:
                follower.ended.wait(_PROOF_TIMEOUT_S)
            programs.kill(victim)
        with self.gate.lock:
            self.gate.witness.compare(confirmed(self.rig.outboxes))
        self.gate.set(None)
        self.taps.drop_stopped()
        self._pause(self.rng.uniform(*_DOWN_S))
        child.command = command
        programs.raise_again(victim)
        return _told(trap, reached=reached, follower=follower)

    @contextmanager
    def _watched(self, trigger: Trigger, victim: str) -> Iterator[Follower | None]:
        """Start the victim anew under strace, for a point at its disk."""
        stop_at = trigger.steps[-1].what
        if stop_at not in DISK:
            yield None
            return
        programs, child = self.rig.programs, self.rig.programs.child(victim)
        programs.kill(victim)
        is_server = victim == SERVER
        only = self.rig.layout.folder.resolve() / "saxaul.db-wal" if is_server else None
        pipe = self.rig.layout.folder / f"strace-{len(self.diary)}"
        child.command = traced(child.command, stop_at, pipe, only)
        follower = Follower(
            pipe, Meaning(victim, threads=not is_server), self._kill_at, time.time
        ).start()
        try:
            programs.raise_again(victim)
            yield follower
        finally:
            follower.close()

    def _start_gateways_anew(self) -> None:
        """Have them connect at once: with the embedded broker they lost their connection before.

        Each time they would wait longer until they try again.
        """
        self._wait(self._page().is_ready, _READY_TIMEOUT_S)
        for name in GATEWAYS:
            self.rig.programs.kill(name)
            self.rig.programs.raise_again(name)

    def _kill_at(self, event: Event, thread: int) -> bool:
        return self.gate.judge(event, partial(_kill, thread)) is Passage.HOLD

    def _pause(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        self._wait(lambda: time.monotonic() >= until_s, seconds + 1)

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for a condition; keep running what runs, but for who is being killed."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline_s:
                return False
            with self.gate.lock:
                if not self.gate.is_sprung:
                    self.rig.programs.look_after()
            time.sleep(_TICK_S)
        return True

    def _note(self, text: str) -> None:
        self.diary.append(f"{time.monotonic() - self.began_s:7.3f} {text}")


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of a kill: whether the point was reached, and whether it came there."""

    was_reached: bool
    is_hit: bool
    words: str


def _told(trap: Trap, *, reached: bool, follower: Follower | None) -> _Told:
    if not reached or trap.sprung_by is None:
        return _Told(was_reached=False, is_hit=False, words="killed, for it was never reached")
    if follower is None:
        return _Told(was_reached=True, is_hit=True, words=f"killed, {trap.sprung_by.what} in hand")
    proof = follower.proof(trap.sprung_by.what)
    if proof is None:
        return _Told(was_reached=True, is_hit=False, words="killed too late: once more")
    return _Told(was_reached=True, is_hit=True, words=f"killed, {trap.sprung_by.what}: {proof}")


def _trap(trigger: Trigger, gateway: str, count: int) -> Trap:
    """Set a trigger's trap on the way of one gateway."""

    def placed(sight: Sight) -> Sight:
        return replace(sight, peer=gateway) if sight.peer == GATEWAY else sight

    withheld = None if trigger.withheld is None else placed(trigger.withheld)
    steps = [placed(one) for one in trigger.steps]
    return Trap(steps, count, withheld=withheld, passes=trigger.passes)


def _kill(thread: int) -> None:
    """Kill the process of a thread: the kernel takes any thread's number for it (kill(2))."""
    with suppress(ProcessLookupError):
        os.kill(thread, signal.SIGKILL)


def _nothing() -> None:
    return
