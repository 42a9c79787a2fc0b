"""The programs under test: killed, stalled and restarted at will, and kept running otherwise.

As systemd would (`Restart=always`), whatever ends by itself is started again after a while. Nothing
here waits for a program to be ready: peers must bear that it is not. Children are started by the
thread that calls, which must outlive them (see deploy.children).
"""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deploy.children import Child

# With this tie a program ends with us even while it is stalled.
TIES = ("setpriv", "--pdeathsig=KILL", "--")
RESTART_S = 1.0
# How our programs end when a person can mend the cause: the database is away, say. Unasked, any
# other end is a fault of theirs.
_MENDABLE = 2
_POLITE_S = 6.0


@dataclass(slots=True)
class Program:
    """A program that is meant to run, unless a fault holds it `down`."""

    child: Child
    down: bool = False
    stalled: bool = False
    ended_at_s: float | None = None
    asked_to_stop: bool = False


@dataclass(slots=True)
class Programs:
    """All programs by name. `now_s` is a monotonic clock."""

    now_s: Callable[[], float]
    complaints: list[str] = field(default_factory=list)
    _excused: set[str] = field(default_factory=set)
    _all: dict[str, Program] = field(default_factory=dict)

    def start(self, name: str, child: Child) -> None:
        """Start a program and keep it running from now on."""
        child.start()
        self.keep(name, child)

    def keep(self, name: str, child: Child) -> None:
        """Keep a program running that has been started already."""
        self._all[name] = Program(child)

    def child(self, name: str) -> Child:
        """Give the process of a program."""
        return self._all[name].child

    def pids(self) -> Iterator[tuple[str, int]]:
        """Name the programs that run, with their process ids."""
        for name, one in self._all.items():
            if one.child.is_running:
                yield name, one.child.pid

    def pid_of(self, name: str) -> int | None:
        """Tell the process id of a program; None when it does not run."""
        child = self._all[name].child
        return child.pid if child.is_running else None

    def is_down(self, name: str) -> bool:
        """Tell whether a fault holds a program down."""
        return self._all[name].down

    # ------------------------------------------------------------ faults

    def kill(self, name: str) -> None:
        """End a program and all it has started, as a power cut would."""
        one = self._all[name]
        one.down, one.stalled = True, False
        if one.child.is_running:
            for pid in family(one.child.pid)[1:]:
                _send(pid, signal.SIGKILL)
            one.child.kill()

    def ask_to_stop(self, name: str) -> None:
        """Ask a program to end."""
        one = self._all[name]
        one.down = one.asked_to_stop = True
        one.child.ask_to_stop()

    def raise_again(self, name: str) -> None:
        """Start a program that was killed or asked to stop."""
        one = self._all[name]
        if one.asked_to_stop:
            one.child.end_within(_POLITE_S)
        one.down = one.asked_to_stop = False
        one.ended_at_s = None
        if not one.child.is_running:
            one.child.start()

    def stall(self, name: str) -> None:
        """Stop a program and all it has started in their tracks."""
        one = self._all[name]
        if one.child.is_running:
            one.stalled = True
            for pid in family(one.child.pid):
                _send(pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a stalled program go on."""
        one = self._all[name]
        if one.stalled and one.child.is_running:
            for pid in family(one.child.pid):
                _send(pid, signal.SIGCONT)
        one.stalled = False

    def excuse(self, name: str) -> None:
        """Do not complain from now on when a program ends by itself; it is started again."""
        self._excused.add(name)

    # ------------------------------------------------------------ in between, and after

    def look_after(self) -> None:
        """Start again what has ended by itself, a while after it did; complain of crashes."""
        for name, one in self._all.items():
            if one.down or one.child.is_running:
                continue
            if one.ended_at_s is None:
                one.ended_at_s = self.now_s()
                self._judge(name, one.child)
            elif self.now_s() - one.ended_at_s >= RESTART_S:
                one.ended_at_s = None
                one.child.start()

    def heal(self) -> None:
        """Let all go on and start all that is down."""
        for name, one in self._all.items():
            if one.stalled:
                self.resume(name)
            if one.down:
                self.raise_again(name)

    def stop(self, name: str, timeout_s: float) -> None:
        """End a program for good; complains when it does not end well and in time."""
        one = self._all.pop(name)
        one.child.ask_to_stop()
        one.child.end_within(timeout_s)
        if one.child.exit_code() != 0:
            self._complain(name, one.child)

    def release(self, name: str) -> None:
        """Leave a program to whoever started it."""
        self._all.pop(name, None)

    def kill_all(self) -> None:
        """End everything at once."""
        for name in list(self._all):
            self.kill(name)
            self._all.pop(name)

    def _judge(self, name: str, child: Child) -> None:
        if child.exit_code() != _MENDABLE and name not in self._excused:
            self._complain(name, child)

    def _complain(self, name: str, child: Child) -> None:
        said = child.tail(3).replace("\n", " | ")
        self.complaints.append(f"{name} ended with exit code {child.exit_code()}: {said}")


def family(pid: int) -> list[int]:
    """Give a process and all its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            children.setdefault(_parent(entry), []).append(int(entry.name))
    found = [pid]
    for one in found:  # grows while we walk it
        found += children.get(one, [])
    return found


def _parent(entry: Path) -> int:
    """Read the parent of a process; 0 when it has ended (proc(5), field 4 of stat)."""
    try:
        return int(
            (entry / "stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()[1]
        )
    except OSError:
        return 0


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
