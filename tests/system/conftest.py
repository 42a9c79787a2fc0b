"""The demo as a person starts it, in a folder and on a port of the test's own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from pathlib import Path

import pytest

from deploy.ports import free_port, wait_until
from deploy.postgres_install import need
from gateway.drivers.conversation import Wait
from tests import logs

ROOT = Path(__file__).parent.parent.parent
READY_TIMEOUT_S = 90


@pytest.fixture(autouse=True)
def logging_as_it_was():
    """Undo what a command sets up: its level would hide what a later test looks for."""
    yield
    logs.reset()


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def commands():
    """Command lines of all processes, by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = (entry / "cmdline").read_bytes().decode()
            except OSError:
                continue
    return found


class Demo:
    """One run of the demo."""

    def __init__(self, folder, *arguments):
        self.folder = folder
        self.port = free_port()
        self.output = folder.parent / f"{folder.name}.out"
        own = ["--data", str(folder), "--http-port", str(self.port)]
        self._command = [sys.executable, "-m", "deploy.demo", *own, *arguments]
        self.process = None
        self._known = set()

    def start(self):
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT
            )
        return self

    def until_open(self):
        """Wait until it tells a person to open the page."""
        said = wait_until(
            lambda: "Ctrl-C stops it all" in self.said() or self.process.poll() is not None,
            READY_TIMEOUT_S,
        )
        assert said, self.said()
        assert self.process.poll() is None, self.said()
        return self

    def processes(self):
        """Process ids of all that was started and still runs, the runner left out."""
        mine = {pid for pid, line in commands().items() if str(self.folder) in line}
        note = self.folder / "postgres" / "data" / "postmaster.pid"
        if note.exists():  # PostgreSQL calls its folder by another name
            mine.add(int(note.read_text().split()[0]))
        self._known |= mine - {self.process.pid, os.getpid()}
        return {pid for pid in self._known if is_alive(pid)}

    def end(self, timeout_s=READY_TIMEOUT_S):
        return self.process.wait(timeout_s)

    def interrupt(self):
        """Press Ctrl-C; gives exit code and seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60), time.monotonic() - began

    def said(self):
        return self.output.read_text()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return answer.read().decode()

    def items(self, path):
        return json.loads(self.get(path))["items"]

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


@pytest.fixture
def demo(tmp_path):
    """Make demos; what still runs at the end of the test is stopped."""
    made = []

    def make(*arguments):
        made.append(Demo(tmp_path / f"data{len(made)}", *arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(params=["embedded", "full"])
def profile(request):
    """Arguments of either profile."""
    if request.param == "full":
        need()  # says how to install it
        return ["--full"]
    return []


class VirtualLine:
    """A port, a clock and a line in virtual time: a byte is there when its device has sent it."""

    is_open, openings, last_error = True, 1, ""
    baud = 9600

    def __init__(self, bus, now):
        self.now = now
        self.truth = defaultdict(list)
        self._bus = bus
        self._coming = []  # (instant, bytes, answer)
        self._buffer = b""
        self._heard_at = now

    def mono_ms(self):
        return round(self.now * 1000)

    def wall_of(self, mono_ms):
        return mono_ms

    def ensure_open(self):
        return True

    def pass_s(self, seconds):
        self._advance(self.now + seconds)

    def take(self, step):
        if isinstance(step, Wait):
            self.pass_s(step.seconds)
            return b""
        if step.request:
            self._buffer = b""
            self._post(self._bus.receive(step.request, self.now))
        return self._answer(step)

    def _answer(self, step):
        begun = self.now
        while not (length := step.until(self._buffer)):
            end = begun + step.timeout_s
            if self._buffer and step.quiet_s is not None:
                end = min(end, max(self._heard_at, begun) + step.quiet_s)
            event = self._next_event()
            self._advance(min(event, end))
            if event > end:
                length = len(self._buffer)
                break
        taken, self._buffer = self._buffer[:length], self._buffer[length:]
        return taken

    def _next_event(self):
        wake_at = self._bus.wake_at(self.now)
        instants = [at for at, *_ in self._coming] + ([] if wake_at is None else [wake_at])
        return max(self.now, min(instants, default=float("inf")))

    def _advance(self, until):
        while (event := self._next_event()) <= until:
            self.now = event
            wake_at = self._bus.wake_at(self.now)
            if wake_at is not None and wake_at <= self.now:
                self._post(self._bus.wake(self.now))
            due = [one for one in self._coming if one[0] <= self.now]
            self._coming = [one for one in self._coming if one[0] > self.now]
            for at, data, answer in sorted(due, key=lambda one: one[0]):
                self._buffer += data
                self._heard_at = at
                if answer is not None:
                    self._note(answer)
        self.now = until

    def _post(self, sends):
        self._coming += [
            (self.now + one.delay_s + len(one.data) * 10 / self.baud, one.data, one.answer)
            for one in sends
        ]

    def _note(self, answer):
        for key, value in answer.values.items():
            self.truth[f"{answer.device}/{key}"].append((self.now, value))


@pytest.fixture
def virtual_line():
    """Give the class: a bus of the simulator and an instant make a line."""
    return VirtualLine
