"""One ingest worker, as a process of its own: `python -m server.roles.worker`, started by `run`."""

import io
import os
import signal
import sys
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType

import msgspec
import structlog

from server import logs
from server.courtesy.answers import Answers
from server.courtesy.priority import give_way
from server.courtesy.threads import take_turns
from server.db.engine import open_engine
from server.errors import ServerError
from server.ingest.service import IngestService
from server.live.announce import Announcer
from server.roles.orders import ASK_AGAIN, Order, Report, line
from wire.errors import ConfigError

WORKER_STARTED = "worker_started"
WORKER_STOPPED = "worker_stopped"
WORKER_CANNOT_START = "worker_cannot_start"
WORKER_CRASHED = "worker_crashed"

OK, BUG, MENDABLE = 0, 1, 2
_REPORT_S = 0.25

log = structlog.get_logger("server.roles.worker")  # as a program its name would be __main__


def main() -> int:
    """Do as ordered until told to stop; returns 0, 2 for what a person can mend, or 1 for a bug."""
    stop = threading.Event()

    def request(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, request)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C: who started us tells us
    # Without Python's buffers, whose locks a thread that waits would still hold at the end.
    orders = io.FileIO(0, closefd=False)
    reports = io.FileIO(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not stand among the reports
    give_way()
    order = msgspec.json.decode(orders.readline(), type=Order)
    logs.configure(role="ingest", worker=order.number)
    worker = _Worker(order, reports, stop)
    threading.Thread(target=worker.listen, args=(orders,), name="orders", daemon=True).start()
    try:
        worker.work()
    except (ConfigError, ServerError) as error:
        log.warning(WORKER_CANNOT_START, error=str(error))
        worker.report(Report(last_error=str(error)))
        return MENDABLE
    except Exception:
        log.exception(WORKER_CRASHED)
        return BUG
    return BUG if worker.failed.is_set() else OK


@dataclass(slots=True)
class _Worker:
    """Ingest's part in this process."""

    order: Order
    reports: io.FileIO
    stop: threading.Event
    failed: threading.Event = field(default_factory=threading.Event)
    ask_again: threading.Event = field(default_factory=threading.Event)
    connections: int = 0
    new_sessions: int = 0

    def work(self) -> None:
        """Take in, and report how that goes, until told to stop."""
        engine = open_engine(self.order.database_url)
        announcer = Announcer(engine)
        service = IngestService(
            engine, self.order.broker(), announcer.publish, on_death=self._on_death
        )
        service.report_connections(self._on_connection)
        answers = Answers(Path(self.order.answers_file) if self.order.answers_file else None)
        service.go_behind(answers)
        announcer.start()
        take_turns()
        service.start()
        log.info(WORKER_STARTED)
        while not self.stop.wait(_REPORT_S):
            if self.ask_again.is_set():
                self.ask_again.clear()
                service.ask_again()
            self.report(
                Report(
                    **asdict(service.health()),
                    connections=self.connections,
                    new_sessions=self.new_sessions,
                )
            )
        service.stop()
        answers.close()
        announcer.stop()
        engine.dispose()
        log.info(WORKER_STOPPED)

    def listen(self, orders: io.FileIO) -> None:
        """Take commands; their end means that nobody is there any more who would stop us."""
        while told := orders.readline():
            if told == ASK_AGAIN:
                self.ask_again.set()
        self.stop.set()

    def report(self, report: Report) -> None:
        """Tell how it goes; when nobody listens, stop."""
        try:
            self.reports.write(line(report))
        except OSError:
            self.stop.set()

    def _on_death(self) -> None:
        self.failed.set()
        self.stop.set()

    def _on_connection(self, is_new: bool) -> None:  # noqa: FBT001 - the one thing that is told
        self.new_sessions += is_new
        self.connections += 1


if __name__ == "__main__":
    sys.exit(main())
