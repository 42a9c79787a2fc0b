"""Which part of ingest goes into judging, with three rules on every series.

Batches are prepared and committed as an ingest worker does it, one after the other in this process;
the clock runs while they are, and beside it another while ingest's hook for watches does. As at a
real station the weather passes a line and comes back: four of twenty series do, each day; the
others stay between theirs.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import Engine, func, select, text

from benchmarks.fleet_suite.catalog import copy_gateways
from benchmarks.ingest_suite.databases import now_ms
from benchmarks.ingest_suite.station import (
    CHANNELS,
    MINUTE_MS,
    VARIANTS,
    Channel,
    Load,
    gateway_names,
    inventory,
    variant_of,
)
from deploy.errors import SetupError
from server.alerts.rules import LevelRule, Rule, Scope
from server.alerts.settling import settle
from server.db.alert_tables import alert_transition, alert_watch
from server.db.engine import open_engine, writing
from server.db.locks import lock_gateways
from server.db.migrate import upgrade
from server.db.tables import datastream, observation
from server.ingest.bulk.group import group_of
from server.ingest.events import Message, Turn
from server.ingest.pipeline import Pipeline
from server.store.engines import store_for
from server.store.port import Columns
from server.watch.judging import Judge
from server.watch.rules.book import put_rule, read_rules
from server.watch.rules.expand import expand
from server.watch.rules.subjects import read_subjects
from server.watch.rules.wanted import Ruled, Wants
from wire import topics
from wire.catalogue import bundled

RULES = 3
# Batches that ingest puts into a transaction: 24,000 readings.
_GROUP = 20
_ROWS = 60
_PASSED = ("air_temperature", "wind_speed", "wind_gust", "relative_humidity")
_EPOCH = "b1b2b3b4"


@dataclass(frozen=True, slots=True)
class Scale:
    """So many gateways of 20 series, each of which sends so many batches of an hour."""

    gateways: int
    batches: int


@dataclass(frozen=True, slots=True)
class Judged:
    """What was measured: seconds, readings stored, transitions on record."""

    total_s: float
    judging_s: float
    readings: int
    transitions: int

    @property
    def share(self) -> float:
        """Which part of the time went into judging."""
        return self.judging_s / self.total_s


@dataclass(slots=True)
class TimedJudge(Judge):
    """The hook, and the seconds it has taken."""

    seconds: float = field(default=0.0)

    def judge(self, turn: Turn, gateways: Iterable[str], columns: Columns) -> None:
        """Judge, with a clock beside."""
        began_s = time.perf_counter()
        Judge.judge(self, turn, gateways, columns)
        self.seconds += time.perf_counter() - began_s


def measure(url: str, scale: Scale) -> Judged:
    """Fill a fresh database; raises SetupError when not all of it is there."""
    engine = open_engine(url)
    try:
        upgrade(engine)
        names = gateway_names(scale.gateways)
        _announce(engine, names[0])
        copy_gateways(url, names[0], names[1:])
        _watch(engine, names)
        found = _run(engine, names, scale)
        _require_all(engine, scale, found)
        return found
    finally:
        engine.dispose()


def _announce(engine: Engine, name: str) -> None:
    message = Message(topics.inventory(name), inventory(name), now_ms())
    pipeline = Pipeline(store_for(engine), bundled())
    with writing(engine) as connection:
        pipeline.process(Turn(connection, now_ms(), alone=True), message)


def _watch(engine: Engine, names: Sequence[str]) -> None:
    with writing(engine) as connection:
        for rule in _rules():
            put_rule(connection, rule, now_ms(), "bench")
        ruled = [Ruled(one.id, settle(one.rule)) for one in read_rules(connection)]
        wants = Wants(ruled, lambda _scope: [])
        for one in names:
            expand(connection, one, wants.at(read_subjects(connection, one)), now_ms())
        # Nothing is stored yet: there is no past to be judged.
        connection.execute(text("UPDATE alert_watch SET refold_from = NULL"))
    with writing(engine) as connection:
        connection.execute(text("ANALYZE alert_watch"))
    with engine.connect() as connection:
        watches = connection.execute(select(func.count(alert_watch.c.id))).scalar_one()
    if watches != RULES * len(CHANNELS) * len(names):
        raise SetupError(f"there are {watches} watches")


def _rules() -> Iterator[Rule]:
    """Give three rules a property: two lines that bound it, and one that some pass by day."""
    for channel in {one.key: one for one in CHANNELS}.values():
        yield _rule(channel, "high", above=2.0, leave=1.8)
        yield _rule(channel, "low", below=-2.0, leave=-1.8)
        by_day = 0.7 if channel.key in _PASSED else 1.5
        yield _rule(channel, "day", above=by_day, leave=by_day - 0.3)


def _rule(
    channel: Channel,
    name: str,
    *,
    leave: float,
    above: float | None = None,
    below: float | None = None,
) -> Rule:
    level = LevelRule(
        severity="warning",
        above=_line(channel, above),
        below=_line(channel, below),
        leave=_line(channel, leave),
    )
    return Rule(
        key=f"{channel.key.replace('_', '-')}-{name}",
        kind="threshold",
        scope=Scope(property=channel.key),
        unit=channel.unit,
        levels=[level],
        on_delay="30 min",
        off_delay="30 min",
    )


def _line(channel: Channel, swings: float | None) -> Decimal | None:
    """Give a value so many swings off the middle."""
    if swings is None:
        return None
    return Decimal(round(channel.base + swings * channel.swing)).scaleb(channel.exponent)


def _run(engine: Engine, names: Sequence[str], scale: Scale) -> Judged:
    judge = TimedJudge()
    pipeline = Pipeline(store_for(engine), bundled(), judge)
    hours = scale.batches + 1
    start_ms = now_ms() // MINUTE_MS * MINUTE_MS - hours * _ROWS * MINUTE_MS
    load = Load(_EPOCH, names, start_ms, _ROWS, hours)
    payloads = [load.payloads(variant) for variant in range(VARIANTS)]
    with engine.connect() as connection:
        pipeline.names.meet(connection, names)
    total_s = 0.0
    for seq in range(1, hours + 1):
        if seq == 2:  # by then what is remembered was read
            total_s, judge.seconds = 0.0, 0.0
        for first in range(0, len(names), _GROUP):
            some = [
                _message(name, seq, payloads[variant_of(first + at)][seq - 1])
                for at, name in enumerate(names[first : first + _GROUP])
            ]
            total_s += _commit(engine, pipeline, some)
    readings = scale.batches * load.batch_readings * len(names)
    with engine.connect() as connection:
        transitions = connection.execute(select(func.count(alert_transition.c.id))).scalar_one()
    return Judged(total_s, judge.seconds, readings, transitions)


def _message(name: str, seq: int, payload: bytes) -> Message:
    return Message(topics.batch(name, _EPOCH, seq), payload, now_ms())


def _commit(engine: Engine, pipeline: Pipeline, some: Sequence[Message]) -> float:
    """Prepare and commit a group as a worker does; gives the seconds that takes."""
    began_s = time.perf_counter()
    group = group_of(some, pipeline.names)
    if group.ready is None or len(group.ready.prepared) != len(some):
        raise SetupError("not all batches go together")
    with writing(engine) as connection:
        lock_gateways(connection, group.gateways)
        pipeline.process_all(Turn(connection, now_ms(), alone=False), group.ready)
    return time.perf_counter() - began_s


def _require_all(engine: Engine, scale: Scale, found: Judged) -> None:
    stored = scale.gateways * (scale.batches + 1) * _ROWS * len(CHANNELS)
    with engine.connect() as connection:
        there = connection.execute(select(func.count()).select_from(observation)).scalar_one()
        series = connection.execute(select(func.count(datastream.c.id))).scalar_one()
    if there != stored or series != scale.gateways * len(CHANNELS):
        raise SetupError(f"{there} of {stored} readings are there, of {series} series")
    if not found.transitions:
        raise SetupError("no reading passed a threshold")
