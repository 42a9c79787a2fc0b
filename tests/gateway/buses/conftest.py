"""A pty with a scripted device at its other end, and a clock that is set by hand."""

import os
import select
import threading
import time
import tty

import pytest
import structlog

from gateway.buses.serial_port import PortSettings

DEADLINE_S = 30.0


class Peer:
    """The far end of a serial line. `answer` gets what was asked and gives the bytes to send."""

    def __init__(self, answer=lambda _: b""):
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self.master, False)
        self.answer = answer
        self.heard = []
        self._open = True
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def say(self, data):
        while data and self._open:
            if select.select([], [self.master], [], 0.1)[1]:  # else nobody has read for a while
                data = data[os.write(self.master, data) :]

    def unplug(self):
        """Take the device away: the port hangs up and its name goes."""
        with self._lock:
            if self._open:
                self._open = False
        self._thread.join()
        os.close(self.master)

    def _run(self):
        while self._open:
            if not select.select([self.master], [], [], 0.02)[0]:
                continue
            try:
                asked = os.read(self.master, 4096)
            except OSError:  # nobody has the port open, or no longer
                time.sleep(0.01)
                continue
            self.heard.append(asked)
            self.say(self.answer(asked))


@pytest.fixture
def peer():
    """Make peers; they are unplugged after the test."""
    made = []

    def make(answer=lambda _: b""):
        made.append(Peer(answer))
        return made[-1]

    yield make
    for one in made:
        if one._open:
            one.unplug()


class HandClock:
    """Time that stands still until it is moved."""

    def __init__(self, mono_ms=1_000_000, wall_ms=1_767_225_600_000):
        self.mono = mono_ms
        self.offset = wall_ms - mono_ms

    def mono_ms(self):
        return self.mono

    def wall_of(self, mono_ms):
        return mono_ms + self.offset

    def pass_s(self, seconds):
        self.mono += round(seconds * 1000)


class RealClock:
    """The machine's own time, in the one form that sampling knows."""

    def mono_ms(self):
        return time.monotonic_ns() // 1_000_000

    def wall_of(self, mono_ms):
        return mono_ms + _WALL_OFFSET_MS


_WALL_OFFSET_MS = (time.time_ns() - time.monotonic_ns()) // 1_000_000


@pytest.fixture
def hand_clock():
    return HandClock()


@pytest.fixture
def real_clock():
    return RealClock()


@pytest.fixture
def settings():
    """Serial settings of a peer."""
    return lambda port, baud=9600: PortSettings(port, baud)


@pytest.fixture
def eventually():
    """Wait until something holds; fails when it does not in time."""

    def wait(condition, what="condition"):
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come true"
            time.sleep(0.01)

    return wait


@pytest.fixture
def logged():
    """Collect log entries as dicts."""
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture
def log(logged):
    return structlog.get_logger()
