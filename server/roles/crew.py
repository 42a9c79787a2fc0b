"""Ingest workers as processes: started, started anew when they end, and stopped.

A worker that dies leaves no transaction half done, and the broker gives what it had not
acknowledged to the next one that comes under its number.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import gt

import msgspec
import structlog
from msgspec.structs import replace

from server.roles.orders import ASK_AGAIN, Order, Report, line
from server.roles.role import Workers
from server.roles.sessions import Dropper

WORKER_NOT_STARTED = "worker_not_started"
WORKER_ENDED = "worker_ended"

# A worker that ran for so long was well: it is started anew at once, others after a while.
_WELL_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
# Sessions that are new at the same time, as after a restart of the broker, are told of once.
_GATHER_S = 2.0
_TICK_S = 0.1

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """How the worker of a number is; `pid` is None while it does not run."""

    number: int
    pid: int | None
    report: Report


class Crew:
    """The ingest workers of this machine."""

    def __init__(self, order: Order, workers: Workers) -> None:
        """Prepare; `order` is given to each under its number."""
        self._workers = workers
        self._stopping = threading.Event()
        self._places = [_Place(replace(order, number=number), self._stopping) for number in workers]
        self._threads = [
            threading.Thread(target=one.keep, name=f"worker-{one.order.number}", daemon=True)
            for one in self._places
        ]
        self._threads.append(threading.Thread(target=self._watch, name="workers", daemon=True))
        self._dropper = Dropper(order.broker(), workers.last, self._ask)
        self._is_ask_due = False

    def start(self) -> None:
        """Start them, and keep them running."""
        for thread in self._threads:
            thread.start()
        if not self._workers.others:
            self._dropper.start()

    def stop(self, timeout_s: float) -> None:
        """Have them finish what they are writing and end; by force when that takes too long."""
        self._stopping.set()
        self._dropper.stop()
        ends_s = time.monotonic() + timeout_s
        for place in self._places:
            place.ask_to_stop()
        for place in self._places:
            place.end(ends_s)

    def health(self) -> Sequence[WorkerHealth]:
        """Say how they are, by what they last reported."""
        return [WorkerHealth(one.order.number, one.pid, one.report) for one in self._places]

    def _watch(self) -> None:
        """Have gateways send again what the broker dropped, as far as that can be known.

        A new session tells it. So may a broker that was started anew: Mosquitto 2.0 then knows the
        sessions, but not that they share a subscription, and drops what comes before they say so.
        Whether it was is not told; but then every worker has had to connect anew.
        """
        sessions, connections = 0, [0] * len(self._places)
        while not self._stopping.wait(_TICK_S):
            new = sum(one.new_sessions for one in self._places)
            now = [one.connections for one in self._places]
            if new > sessions or all(map(gt, now, connections)):
                self._gather(connections)
                sessions = sum(one.new_sessions for one in self._places)
                connections = [one.connections for one in self._places]
                self._ask()
            if self._is_ask_due and self._places[0].report.connected:
                self._is_ask_due = not self._places[0].tell(ASK_AGAIN)

    def _gather(self, before: Sequence[int]) -> None:
        """Wait for those who may be about to find the same: until all have connected anew."""
        ends_s = time.monotonic() + _GATHER_S
        while time.monotonic() < ends_s and not self._stopping.wait(_TICK_S):
            if all(map(gt, [one.connections for one in self._places], before)):
                return

    def _ask(self) -> None:
        self._is_ask_due = True


@dataclass(slots=True)
class _Place:
    """One worker's number, and whoever works under it."""

    order: Order
    stopping: threading.Event
    report: Report = field(default_factory=Report)
    connections: int = 0
    new_sessions: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def keep(self) -> None:
        """Have a worker run until all are to stop."""
        pause_s = _FIRST_PAUSE_S
        while not self.stopping.is_set():
            began_s = time.monotonic()
            try:
                process = self._start()
            except OSError as error:  # no memory, no processes: it is tried again
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                self.report = Report(last_error=f"it cannot be started: {error}")
                log.warning(WORKER_NOT_STARTED, worker=self.order.number, error=str(error))
                self.stopping.wait(pause_s)
                continue
            if process is None:
                return
            self._listen(process)
            code = process.wait()
            if self.stopping.is_set():
                return
            self._hang_up(process)
            ran_s = time.monotonic() - began_s
            pause_s = _FIRST_PAUSE_S if ran_s >= _WELL_S else min(2 * pause_s, _LONGEST_PAUSE_S)
            log.warning(WORKER_ENDED, worker=self.order.number, code=code, again_in_s=pause_s)
            if self.report.connected:
                self.report = Report(last_error=f"it ended with code {code} and is started anew")
            self.stopping.wait(pause_s)

    def tell(self, command: bytes) -> bool:
        """Send a command; False when nobody took it."""
        with self._lock:
            process = self._process
            if process is None or process.stdin is None:
                return False
            try:
                process.stdin.write(command)
                process.stdin.flush()
            except (OSError, ValueError):  # it has ended, or was hung up on
                return False
            return True

    def ask_to_stop(self) -> None:
        """Send the signal by which a worker finishes what it writes."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()

    def end(self, ends_s: float) -> None:
        """Wait for the end until an instant, then bring it about."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, ends_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._hang_up(self._process)

    def _start(self) -> subprocess.Popen[bytes] | None:
        """Start a worker with its order; None when all are to stop."""
        with self._lock:
            if self.stopping.is_set():
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", "server.roles.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # a terminal's Ctrl-C is for us to pass on
            )
            self._process = process
        self.tell(line(self.order))
        return process

    def _hang_up(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock, suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Take reports until the worker ends."""
        if process.stdout is None:
            return
        told = Report()  # by this process
        with process.stdout as reports:
            for text in reports:
                try:
                    self.report = msgspec.json.decode(text, type=Report)
                except msgspec.DecodeError:
                    continue  # it died while it wrote
                self.new_sessions += self.report.new_sessions - told.new_sessions
                self.connections += self.report.connections - told.connections
                told = self.report
