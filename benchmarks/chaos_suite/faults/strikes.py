"""Carries out faults: on programs, links, disks, clocks, cards and database, and in their names."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from benchmarks.chaos_suite.faults.backups import Backup
from benchmarks.chaos_suite.faults.cards import Cards
from benchmarks.chaos_suite.faults.clocks import SettableClock
from benchmarks.chaos_suite.faults.disks import Disk
from benchmarks.chaos_suite.faults.hand import Hand, read_victim
from benchmarks.chaos_suite.faults.hostile import Victim, burst
from benchmarks.chaos_suite.programs import Programs
from benchmarks.chaos_suite.proxy import Proxy
from benchmarks.chaos_suite.schedule import (
    CLOCK_KINDS,
    DATABASE,
    LINK_KINDS,
    SERVER,
    Fault,
    Kind,
)

_TRICKLE_BYTES_PER_S = (300, 5000)
_NOBODY = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Faults:
    """What can be struck.

    `wiped` lists what a wipe deletes; `disks` and `clocks` are there for those that the run's
    schedule strikes. `backup` is the database's, if the run restores it.
    """

    programs: Programs
    links: Mapping[str, Proxy]
    hand: Hand
    cards: Cards
    wiped: Mapping[str, Path] = field(default_factory=dict)
    disks: Mapping[str, Disk] = field(default_factory=dict)
    clocks: Mapping[str, SettableClock] = field(default_factory=dict)
    backup: Backup | None = None
    _taken: list[Fault] = field(default_factory=list)

    def strike(self, fault: Fault) -> None:
        """Do it."""
        does: Mapping[Kind, Callable[[Fault], None]] = {
            Kind.KILL: lambda one: self.programs.kill(one.target),
            Kind.WIPE: self._wipe,
            Kind.RESTART: lambda one: self.programs.ask_to_stop(one.target),
            Kind.STALL: lambda one: self.programs.stall(one.target),
            Kind.CUT: lambda one: self.links[one.target].cut(),
            Kind.SILENCE: lambda one: self.links[one.target].silence(),
            Kind.THROTTLE: self._throttle,
            Kind.DISORDER: lambda one: self.links[one.target].disorder(Random(one.seed)),
            Kind.HOSTILE: self._abuse,
            Kind.FILL: self._fill,
            Kind.STEP: self._set_wrong,
            Kind.BOOT: self._boot,
            Kind.SWAP: self._swap,
            Kind.RESTORE: self._copy,
        }
        does[fault.kind](fault)

    def mend(self, fault: Fault) -> None:
        """Undo it."""
        if fault.kind in LINK_KINDS:
            self.links[fault.target].heal()
        elif fault.kind in CLOCK_KINDS:
            self.clocks[fault.target].set_right()
        elif fault.kind is Kind.FILL:
            self.disks[fault.target].free()
        elif fault.kind is Kind.RESTORE:
            self._restore()
        elif fault.kind is Kind.STALL:
            self.programs.resume(fault.target)
        elif fault.kind is not Kind.HOSTILE:
            self.programs.raise_again(fault.target)

    def mend_all(self) -> None:
        """Undo whatever is still done."""
        for disk in self.disks.values():
            disk.free()
        for clock in self.clocks.values():
            clock.set_right()
        for link in self.links.values():
            link.heal()
        self.programs.heal()
        self._restore()

    def _wipe(self, fault: Fault) -> None:
        self.programs.kill(fault.target)
        self.wiped[fault.target].unlink(missing_ok=True)

    def _fill(self, fault: Fault) -> None:
        self.disks[fault.target].fill()
        if fault.target == DATABASE:
            # While it recovers from a kill, PostgreSQL gives up when its disk is full.
            self.programs.excuse(DATABASE)

    def _throttle(self, fault: Fault) -> None:
        rate = Random(fault.seed).uniform(*_TRICKLE_BYTES_PER_S)
        self.links[fault.target].throttle(rate)

    def _abuse(self, fault: Fault) -> None:
        found = read_victim(fault.target, self.cards.outboxes()[fault.target])
        victim = found or Victim(fault.target, _NOBODY, [])
        victim = replace(victim, may_forget=self.backup is not None)
        self.hand.publish(burst(victim, Random(fault.seed)))

    def _set_wrong(self, fault: Fault) -> None:
        self.clocks[fault.target].set_wrong(fault.step_s)

    def _boot(self, fault: Fault) -> None:
        """Start a gateway with a wrong clock; one that another fault holds down will find it so."""
        with self._away(fault.target):
            self.clocks[fault.target].set_wrong(fault.step_s)

    def _swap(self, fault: Fault) -> None:
        self.programs.kill(fault.target)
        self.cards.swap(fault.target)

    def _copy(self, fault: Fault) -> None:
        if self.backup is not None:
            with self._away(SERVER):
                if self.backup.take():
                    self._taken.append(fault)

    def _restore(self) -> None:
        if self.backup is not None and self._taken:
            with self._away(SERVER):
                self.backup.restore()
            self._taken.clear()

    @contextmanager
    def _away(self, name: str) -> Iterator[None]:
        """Do something while a program does not run; what else holds it down keeps doing so."""
        was_down = self.programs.is_down(name)
        self.programs.kill(name)
        yield
        if not was_down:
            self.programs.raise_again(name)
