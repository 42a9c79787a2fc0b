"""Kills a program at its disk: strace holds it at a system call of SQLite's meanwhile.

A held call costs the program only time. strace writes the line of a call when it begins, and what
it returned before the hold at its end; what follows shows whether the kill came while it was held.
"""

import os
import re
import select
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from benchmarks.chaos_suite.points.events import Event, Thread, What
from deploy.errors import SetupError

_WAL_SUFFIX = "-wal"
# https://www.sqlite.org/fileformat2.html, 4.1: the log's own header, written and synced by itself.
_WAL_HEADER = (32, 0)  # bytes, offset
_SYNCS = ("fdatasync", "fsync")
_WRITE = "pwrite64"
_CONNECT = "connect"
# Long enough to be noticed and killed within, also when the machine is busy.
_HOLD_S = {What.WRITE: 0.06, What.SYNC: 0.2, What.SYNCED: 0.2}
_FOLLOW_S = 0.1

_BEGUN = re.compile(
    r"(?P<tid>\d+) +(?P<at>\d+\.\d+) (?P<call>\w+)\(\d+<(?P<path>[^>]*)>(?P<rest>.*)"
)
_RESUMED = re.compile(r"(?P<tid>\d+) +\S+ <\.\.\. (?P<call>\w+) resumed>.*")
_RETURNED = re.compile(r"\)\s+= (?P<result>\S+)(?: .*)?$")
_PLACE = re.compile(r", (?P<size>\d+), (?P<offset>\d+)(?=\)|$| <)")
_KILLED = re.compile(r"(?P<tid>\d+) +\S+ \+\+\+ killed by SIGKILL \+\+\+")


def traced(command: Sequence[str], stop_at: What, log: Path, only: Path | None = None) -> list[str]:
    """Put strace before a command, holding it where `stop_at` says.

    Looks at calls on the file `only`, or at all, which is what tells threads apart. Raises
    SetupError when there is no strace.
    """
    strace = shutil.which("strace")
    if strace is None:
        raise SetupError("strace is not installed: run bin/prepare test")
    calls = (_WRITE,) if stop_at is What.WRITE else _SYNCS
    held = f"delay_{'exit' if stop_at is What.SYNCED else 'enter'}"
    return [
        *(strace, "-f", "-y", "-ttt", "-qq", "-s", "0", "--seccomp-bpf", "-o", str(log)),
        *("-e", f"trace={','.join((_WRITE, *_SYNCS, _CONNECT))}", "-e", "signal=KILL"),
        *("-e", f"inject={','.join(calls)}:{held}={int(_HOLD_S[stop_at] * 1e6)}"),
        *(() if only is None else ("-P", str(only))),
        *("setpriv", "--pdeathsig=KILL", "--", *command),
    ]


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that has begun or (with a `result`) ended."""

    tid: int
    name: str
    path: str
    arguments: str
    at_s: float
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Death:
    """A thread that was killed; the others of its process are with it."""

    tid: int


class Lines:
    """Reads strace's output as it comes: calls are told when they begin, not only when they end."""

    def __init__(self) -> None:
        """Begin with the first byte."""
        self._rest = ""
        self._told = False  # that the call of the line that is not complete has begun
        self._open: dict[int, Call] = {}

    def feed(self, text: str) -> list[Call | Death]:
        """Take text; give calls that begin or end, and deaths."""
        found: list[Call | Death] = []
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            found += self._line(line)
            self._told = False
        if self._rest and not self._told:
            begun = self._begin(self._rest)
            found += begun
            self._told = bool(begun)
        return found

    def _line(self, line: str) -> list[Call | Death]:
        killed = _KILLED.match(line)
        if killed:
            return [Death(int(killed["tid"]))]
        found: list[Call | Death] = []
        match = _BEGUN.match(line)
        if match and not self._told:
            found += self._begin(line)
        match = match or _RESUMED.match(line)
        returned = _RETURNED.search(line)
        if match and returned:
            call = self._open.pop(int(match["tid"]), None)
            if call is not None:
                found.append(replace(call, result=returned["result"]))
        return found

    def _begin(self, line: str) -> list[Call | Death]:
        match = _BEGUN.match(line)
        if match is None:
            return []
        call = Call(
            int(match["tid"]), match["call"], match["path"], match["rest"], float(match["at"])
        )
        self._open[call.tid] = call
        return [call]


@dataclass(slots=True)
class Meaning:
    """What calls mean: where a commit to the write-ahead log begins, is synced, and is done."""

    peer: str
    threads: bool
    _first: int | None = None
    _uplink: int | None = None
    _wrote: set[int] = field(default_factory=set)

    def of(self, call: Call) -> Event | None:
        """Give the event that a call is, if any."""
        if call.name == _CONNECT:
            if "AF_INET" in call.arguments:
                self._uplink = call.tid
            return None
        if self._first is None:
            self._first = call.tid
        if not call.path.endswith(_WAL_SUFFIX):
            return None
        what = self._written(call) if call.name == _WRITE else self._synced(call)
        return None if what is None else Event(self.peer, what, thread=self._thread(call.tid))

    def _written(self, call: Call) -> What | None:
        place = _PLACE.search(call.arguments)
        if call.result is not None or place is None:
            return None
        if (int(place["size"]), int(place["offset"])) == _WAL_HEADER or call.tid in self._wrote:
            return None
        self._wrote.add(call.tid)
        return What.WRITE

    def _synced(self, call: Call) -> What | None:
        if call.tid not in self._wrote:
            return None  # of the log's header
        if call.result is None:
            return What.SYNC
        self._wrote.discard(call.tid)
        return What.SYNCED if call.result == "0" else None

    def _thread(self, tid: int) -> Thread | None:
        if not self.threads or self._uplink is None or tid == self._first:
            return None
        return Thread.UPLINK if tid == self._uplink else Thread.BUS


class Follower:
    """Reads what strace says of a program, and kills it when told to; a thread of its own."""

    def __init__(
        self,
        log: Path,
        meaning: Meaning,
        kill_at: Callable[[Event, int], bool],
        now_s: Callable[[], float],
    ) -> None:
        """Make the pipe that strace writes to.

        `kill_at` gets an event and its thread, and kills when it is the one: tells whether it did.
        `now_s` is the wall clock, by which strace stamps its lines.
        """
        self._now_s = now_s
        os.mkfifo(log)
        self._pipe = os.open(log, os.O_RDWR | os.O_NONBLOCK)
        self._meaning = meaning
        self._kill_at = kill_at
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="strace", daemon=True)
        self.ended = threading.Event()
        self.killed_at: Call | None = None
        self._after: Call | None = None
        self._killed_s = 0.0
        self._died = False

    def start(self) -> Self:
        """Begin to read."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()
        os.close(self._pipe)

    def proof(self, what: What) -> str | None:
        """Tell how the kill is known to have come at the point; None when it came too late."""
        call, after = self.killed_at, self._after
        if call is None or not self._died:
            return None
        if what is What.SYNCED:
            held = self._killed_s - call.at_s < _HOLD_S[what] and after is None
            return (
                f"{call.name} returned {call.result}, killed before it got there" if held else None
            )
        undone = after is not None and after.result == "?"
        return f"killed before {call.name} was carried out" if undone else None

    def _run(self) -> None:
        lines = Lines()
        while not self._stopping.is_set():
            if select.select([self._pipe], [], [], _FOLLOW_S)[0]:
                for found in lines.feed(os.read(self._pipe, 65_536).decode()):
                    self._note(found)

    def _note(self, found: Call | Death) -> None:
        if self.killed_at is None:
            self._look(found)
        elif isinstance(found, Death):
            self._died = True
        elif found.tid == self.killed_at.tid and self._after is None:
            self._after = found
        if self._died and self.killed_at and (self._after or self.killed_at.result):
            self.ended.set()

    def _look(self, found: Call | Death) -> None:
        event = self._meaning.of(found) if isinstance(found, Call) else None
        if isinstance(found, Call) and event is not None and self._kill_at(event, found.tid):
            self._killed_s = self._now_s()
            self.killed_at = found
