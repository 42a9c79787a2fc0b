"""The measurements in turn: connect, send as often as in the field, ever more often, recover."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.fleet_suite.catalog import copy_gateways
from benchmarks.fleet_suite.figures import RECEIPT_P95_S, Fleet, Stage, percentiles
from benchmarks.fleet_suite.fleet import (
    Connect,
    Connected,
    Observe,
    Observed,
    Plan,
    Recover,
    Recovered,
    Rest,
    Rested,
    Send,
    simulate,
)
from benchmarks.fleet_suite.gateway import Gateway
from benchmarks.ingest_suite.databases import Databases, now_ms
from benchmarks.ingest_suite.measurements import announced
from benchmarks.ingest_suite.rig import Rig, cpu_s, memory_of, running
from benchmarks.ingest_suite.station import MINUTE_MS, Load, gateway_names
from benchmarks.ingest_suite.witness import verify
from deploy.errors import SetupError
from deploy.ports import is_open, wait_until
from wire import topics

# So many say how they are at once.
_REPORTED, _REPORTED_S = 10_000, 120.0
_EPOCH = "fleetbench"
_MINUTE_S = 60.0
# Each stage is so much more than the one before.
_STEP = 2.0
# A receipt that takes longer than this is none, as far as a stage is concerned.
_LATE_S = RECEIPT_P95_S + 1.0
_BROKER_S = 60.0
_SEED = 7

Say = Callable[[str], None]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Scale:
    """How many gateways, for how many seconds a stage; a batch and a status every so many seconds.

    `most_stages` bounds how often the rate is doubled, each time after `settle_s`. So many gateways
    are `announced` as in the field, to see how long that takes; the rest is entered.
    """

    gateways: int
    seconds: float
    every_s: float
    heartbeat_s: float
    workers: int
    most_stages: int
    patience_s: float
    settle_s: float = 3.0
    announced: int = 100


def measure(databases: Databases, folder: Path, scale: Scale, say: Say) -> Fleet:
    """Measure; raises SetupError when something was lost, refused or changed."""
    names = gateway_names(scale.gateways)
    workers = ("--workers", str(scale.workers))
    with databases.fresh() as url, running(url, folder / "fleet", *workers) as rig:
        announced_per_s = _announce(rig, names, scale.announced, say)
        statuses_per_s = _report(rig, names[:_REPORTED], say)
        load = _load(names, scale)
        with _simulated(Plan(load, rig.port, _SEED)) as fleet:
            connected = fleet.ask(Connect(), Connected, _BROKER_S + 120)
            say(f"{connected.gateways} of {len(names)} connected in {connected.seconds:.1f} s")
            programs = [rig.broker.pid, rig.server.pid, *_database_of(databases)]
            cold_s, burst_s = (_burst(fleet, scale, title, say) for title in ("first", "next"))
            stages = list(_stages(fleet, scale, programs, say))
            rested = _rest(fleet, scale, say)
            storm = _storm(fleet, rig, scale, say)
            rested = _rest(fleet, scale, say)
        verify(url, load, rested.batches)
        return Fleet(
            wanted=len(names),
            connections=connected.gateways,
            connect_s=connected.seconds,
            announced_per_s=announced_per_s,
            statuses_per_s=statuses_per_s,
            stages=stages,
            storm_s=storm,
            cold_s=cold_s,
            burst_s=burst_s,
            broker_rss_mb=memory_of(rig.broker.pid).most_mb,
            server_rss_mb=memory_of(rig.server.pid).most_mb,
            workers=scale.workers,
            processors=os.cpu_count() or 1,
        )


def _announce(rig: Rig, names: Sequence[str], count: int, say: Say) -> float:
    """Have some gateways announce themselves, enter the others; tells how many a second."""
    first = names[:count]
    began_s = time.monotonic()
    announced(rig, first)
    rate = len(first) / (time.monotonic() - began_s)
    say(f"{len(first)} gateways announced themselves: {rate:.0f} a second")
    if len(names) > len(first):
        copy_gateways(rig.database_url, names[0], names[len(first) :])
    return rate


def _report(rig: Rig, names: Sequence[str], say: Say) -> float:
    """Have gateways say all at once how they are; tells how many a second are taken in."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-reporter")
    client.max_inflight_messages_set(_REPORTED)
    client.connect("127.0.0.1", rig.port)
    client.loop_start()
    gateways = [Gateway(name, _EPOCH, []) for name in names]
    with psycopg.connect(rig.database_url, autocommit=True) as connection:
        began_s = time.monotonic()
        for one in gateways:
            client.publish(topics.status(one.name), one.status(), qos=1, retain=True)

        def is_done() -> bool:
            found = connection.execute(b"SELECT count(*) FROM gateway WHERE state = 'online'")
            return found.fetchone() == (len(names),)

        in_time = wait_until(is_done, _REPORTED_S, 0.02)
        rate = len(names) / (time.monotonic() - began_s)
    client.disconnect()
    client.loop_stop()
    if not in_time:
        raise SetupError(f"not all of {len(names)} statuses were taken in")
    say(f"{len(names)} gateways said how they are: {rate:.0f} a second are taken in")
    return rate


def _load(names: Sequence[str], scale: Scale) -> Load:
    """Give every gateway something to send in each stage, and in the storm."""
    most = sum(
        (scale.seconds + _LATE_S + 3 * scale.settle_s) / scale.every_s * _STEP**stage + 2
        for stage in range(scale.most_stages)
    )
    batches = int(most) + 6
    start_ms = (now_ms() // MINUTE_MS - 2 * batches) * MINUTE_MS
    return Load(_EPOCH, names, start_ms, 1, batches)


def _stages(fleet: "_Pipe", scale: Scale, programs: Sequence[int], say: Say) -> Iterator[Stage]:
    """Send as often as ordered, then twice as often, as long as receipts come in time."""
    for number in range(scale.most_stages):
        every_s = scale.every_s / _STEP**number
        fleet.tell(Send(every_s, scale.heartbeat_s / _STEP**number))
        fleet.ask(Observe(scale.settle_s), Observed, scale.seconds + 60)
        before, began_s = sum(map(cpu_s, programs)), time.monotonic()
        seen = fleet.ask(Observe(scale.seconds, _LATE_S), Observed, scale.seconds + _LATE_S + 60)
        cores = (sum(map(cpu_s, programs)) - before) / (time.monotonic() - began_s)
        p50_s, p95_s = percentiles(seen.delays)
        equivalent = seen.online * _MINUTE_S / every_s
        stage = Stage(equivalent, scale.seconds, seen.sent, seen.confirmed, p50_s, p95_s, cores)
        say(
            f"as {equivalent:,.0f} gateways, a batch a minute: {seen.sent} sent, {seen.confirmed}"
            f" confirmed, receipts after {p50_s:.2f} s, 95 % within {p95_s:.2f} s,"
            f" {cores:.2f} processors"
        )
        yield stage
        if not stage.held:
            return


def _rest(fleet: "_Pipe", scale: Scale, say: Say) -> Rested:
    """Wait for what has no receipt yet; raises SetupError when it does not come."""
    fleet.tell(Send(float("inf"), scale.heartbeat_s))
    rested = fleet.ask(Rest(scale.patience_s), Rested, scale.patience_s + 60)
    if rested.refused:
        raise SetupError(f"batches were refused: {rested.refused[0]}")
    if rested.missing:
        raise SetupError(f"{rested.missing} batches got no receipt in {scale.patience_s:g} s")
    say(f"all {sum(rested.batches)} batches have their receipts; {rested.again} went out again")
    return rested


def _burst(fleet: "_Pipe", scale: Scale, title: str, say: Say) -> float:
    """Have every gateway send a batch at once; tells when all have their receipts."""
    fleet.tell(Send(float("inf"), scale.heartbeat_s))
    found = fleet.ask(Recover(scale.patience_s), Recovered, scale.patience_s + 60)
    say(f"the {title} batch of all at once: {found.gateways} receipts in {found.seconds:.1f} s")
    return found.seconds if found.gateways == scale.gateways else float("inf")


def _storm(fleet: "_Pipe", rig: Rig, scale: Scale, say: Say) -> float:
    """Restart the broker; tells how long after it is there all gateways have a receipt again."""
    rig.broker.stop(_BROKER_S)
    rig.broker.start()
    if not wait_until(lambda: is_open(rig.port), _BROKER_S, 0.02):
        raise SetupError(f"mosquitto did not start again: {rig.broker.tail(3)}")
    found = fleet.ask(Recover(scale.patience_s), Recovered, scale.patience_s + 60)
    say(
        f"{found.lost} connections lost; {found.gateways} gateways have a receipt again after"
        f" {found.seconds:.1f} s"
    )
    return found.seconds if found.gateways == scale.gateways else float("inf")


def _database_of(databases: Databases) -> list[int]:
    own = databases.own
    return [own.child.pid] if own is not None and own.child is not None else []


@dataclass(frozen=True, slots=True)
class _Pipe:
    """What is said to the simulated fleet, and what it answers."""

    pipe: Connection

    def tell(self, order: object) -> None:
        self.pipe.send(order)

    def ask(self, order: object, kind: type[_T], timeout_s: float) -> _T:
        """Give an order and wait for its answer; raises SetupError for any other."""
        self.pipe.send(order)
        try:
            answer = self.pipe.recv() if self.pipe.poll(timeout_s) else "no answer in time"
        except (EOFError, OSError):
            answer = "it has ended"
        if not isinstance(answer, kind):
            raise SetupError(f"the simulated fleet: {answer}")
        return answer


@contextmanager
def _simulated(plan: Plan) -> Iterator[_Pipe]:
    """Start the fleet's process; it ends with the block."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=simulate, args=(plan, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield _Pipe(ours)
    finally:
        ours.close()
        process.join(5)
        process.terminate()
        process.join()
        process.close()
