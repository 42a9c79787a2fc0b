"""One measurement: gateways send for some seconds, and all of it is waited for in the database."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TypeVar

from benchmarks.ingest_suite.databases import settle
from benchmarks.ingest_suite.generator import GO, READY, Confirmed, Order, Published, generate
from benchmarks.ingest_suite.rig import Rig, cpu_s
from benchmarks.ingest_suite.station import Load
from benchmarks.ingest_suite.witness import Ledger, verify
from deploy.errors import SetupError

_T = TypeVar("_T")
_LOOK_S = 0.1
_READY_S = 300.0
# So long nothing may be committed, when the gateways wait for it.
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What came in: `batches` of each gateway; `seconds` run from first publish to last commit.

    `cores` says by program how many processors it kept busy on average.
    """

    batches: list[int]
    readings: int
    seconds: float
    cores: dict[str, float]

    @property
    def rate(self) -> float:
        """Readings a second."""
        return self.readings / self.seconds

    def __str__(self) -> str:
        """Say it in one line."""
        busy = ", ".join(f"{name} {cores:.2f}" for name, cores in self.cores.items())
        return (
            f"{self.rate:,.0f} readings/s: {self.readings:,} in {sum(self.batches):,} batches,"
            f" {self.seconds:.1f} s (processors: {busy})"
        )


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What is to be done once, so many seconds after the first publish."""

    do: Callable[[], None]
    after_s: float


@dataclass(frozen=True, slots=True)
class Phase:
    """What to send to a rig, for how long; `window` batches of each gateway are in flight at first.

    `programs` names those whose processor time is told besides those of the rig.
    """

    load: Load
    seconds: float
    window: int
    programs: dict[str, int] = field(default_factory=dict)
    meanwhile: Meanwhile | None = None


def perform(rig: Rig, phase: Phase) -> Measured:
    """Measure and verify; raises SetupError when something was lost, refused or changed."""
    order = Order(phase.load, rig.port, phase.seconds, phase.window)
    with _generating(order) as (pipe, pid), closing(Ledger(rig.database_url)) as ledger:
        _expect_ready(pipe)
        if not rig.database_url.startswith("sqlite:"):
            settle(rig.database_url)
        programs = {
            "server": rig.server.pid,
            "broker": rig.broker.pid,
            "generator": pid,
            **phase.programs,
        }
        before = {name: cpu_s(one) for name, one in programs.items()}
        pipe.send(GO)
        published, ended_s = _watch(pipe, ledger, rig, phase)
        seconds = ended_s - published.first_s
        cores = {name: (cpu_s(one) - before[name]) / seconds for name, one in programs.items()}
        _expect_confirmed(pipe, published)
    verify(rig.database_url, phase.load, published.batches)
    batches = list(published.batches)
    return Measured(batches, sum(batches) * phase.load.batch_readings, seconds, cores)


@contextmanager
def _generating(order: Order) -> Iterator[tuple[Connection, int]]:
    """Start the load generator; it ends with the block."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=generate, args=(order, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours, process.pid or 0
    finally:
        process.terminate()
        process.join()
        process.close()
        ours.close()


def _watch(pipe: Connection, ledger: Ledger, rig: Rig, phase: Phase) -> tuple[Published, float]:
    """Look until all that was published is committed; gives what that was, and the instant."""
    published: Published | None = None
    began_s = progress_s = time.monotonic()
    committed, meanwhile = 0, phase.meanwhile
    while True:
        if published is None and pipe.poll(_LOOK_S):
            published = _told(pipe, Published)
        elif published is not None:
            time.sleep(_LOOK_S)
        if meanwhile is not None and time.monotonic() - began_s >= meanwhile.after_s:
            meanwhile.do()
            meanwhile = None
        found, now_s = ledger.committed(phase.load.epoch), time.monotonic()
        if found > committed:
            committed, progress_s = found, now_s
        if published is not None and committed >= sum(published.batches):
            return published, now_s
        if now_s - progress_s > _PATIENCE_S or not rig.server.is_running:
            raise SetupError(
                f"{committed} batches came in, and nothing more for {now_s - progress_s:.0f} s;"
                f" the last that the server said: {rig.server.tail(5)}"
            )


def _expect_ready(pipe: Connection) -> None:
    if not pipe.poll(_READY_S):
        raise SetupError("the load generator was not ready in time")
    told = _told(pipe, str)
    if told != READY:
        raise SetupError(told)


def _expect_confirmed(pipe: Connection, published: Published) -> None:
    """Require a receipt for every batch, and none refused."""
    if not pipe.poll(_PATIENCE_S):
        raise SetupError("receipts are missing")
    confirmed = _told(pipe, Confirmed)
    if confirmed.refused:
        raise SetupError(f"{len(confirmed.refused)} refused, the first: {confirmed.refused[0]}")
    if confirmed.batches != sum(published.batches):
        raise SetupError(f"receipts for {confirmed.batches} batches of {sum(published.batches)}")


def _told(pipe: Connection, kind: type[_T]) -> _T:
    try:
        told = pipe.recv()
    except EOFError:
        raise SetupError("the load generator has ended") from None
    if not isinstance(told, kind):
        raise SetupError(str(told))
    return told
