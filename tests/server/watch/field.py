"""One watch on a real database, to which what happens comes through ingest as gateways send it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import Engine, insert, select

from server.alerts.condition import Condition, Severity
from server.db.alert_tables import alert_notice, alert_rule, alert_transition, alert_watch
from server.db.engine import writing
from server.db.locks import lock_gateways
from server.db.tables import datastream, thing
from server.ingest.events import Message, Turn
from server.ingest.pipeline import Pipeline
from server.store.engines import store_for
from server.watch.keeping.work import catch_up, read_behind
from server.watch.rows import Basis
from server.watch.rules.expand import expand
from server.watch.rules.subjects import Place
from server.watch.rules.wanted import Wanted
from tests.server.alerts.timeline import HOUR_MS, START_MS, News, Row, State
from wire import messages, topics
from wire.batch import Sample, encode
from wire.catalogue import bundled
from wire.messages import ClockSource
from wire.quality import Flag, Test, flag_of

GATEWAY = "kubuqi-dune"
EPOCH = "a1b2c3d4"
SERIES = "dune-1/air/air_temperature"
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS


def inventory(
    *, gateway: str = GATEWAY, interval_s: float = 3600.0, things: Sequence[str] = ("dune-1",)
):
    """A thermometer at each thing, of a model that no catalogue knows."""
    return messages.Inventory(
        rev=1,
        gateway=messages.GatewayInfo(id=gateway),
        things=[
            messages.ThingInfo(id=one, name=one.title(), site="kubuqi-north", lat=40.6, lon=108.9)
            for one in things
        ],
        sensors=[
            messages.SensorInfo(id="air", thing=one, model="ACME X1", height_m=2.0)
            for one in things
        ],
        datastreams=[
            messages.DatastreamInfo(
                name=f"{one}/air/air_temperature",
                sensor=f"{one}/air",
                property="air_temperature",
                unit="Cel",
                interval_s=interval_s,
            )
            for one in things
        ],
    )


@dataclass
class Field:
    """A gateway, and one program that takes in what it sends."""

    engine: Engine
    gateway: str = GATEWAY
    seq: int = 0
    pipeline: Pipeline = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, now_ms: int = 0) -> None:
        """Forget all that was in memory."""
        self.pipeline = Pipeline(store_for(self.engine), bundled())

    def take(self, *sent: Message, now_ms: int, pipeline: Pipeline | None = None):
        """Take messages in, as the worker does, in one transaction."""
        with writing(self.engine) as connection:
            lock_gateways(connection, sorted({one.gateway for one in sent}))
            turn = Turn(connection, now_ms, alone=len(sent) == 1)
            return [(pipeline or self.pipeline).process(turn, one) for one in sent]

    def announce(self, now_ms: int = START_MS, **changes) -> None:
        payload = messages.encode(inventory(gateway=self.gateway, **changes))
        self.take(Message(topics.inventory(self.gateway), payload, now_ms), now_ms=now_ms)

    def batch(self, rows: Sequence[Row], now_ms: int, name: str = SERIES) -> Message:
        """Write rows as a batch; quality that only the server gives comes about as it does."""
        tests = Test(rows[0].quality & ~0xF)
        clock = ClockSource.UNKNOWN if Test.CLOCK_UNKNOWN in tests else ClockSource.NTP
        if Test.FUTURE_TIME in tests:
            now_ms = rows[0].time_ms - 2 * DAY_MS
        samples = [_sample(row) for row in rows]
        self.seq += 1
        topic = topics.batch(self.gateway, EPOCH, self.seq)
        return Message(topic, encode(clock, {name: samples}), now_ms)

    def datastream_id(self, name: str = SERIES) -> int:
        with self.engine.connect() as connection:
            query = select(datastream.c.id).where(
                datastream.c.name == name, datastream.c.gateway_id == self.gateway
            )
            return connection.execute(query).scalar_one()

    def place(self, name: str = "dune-1") -> Place:
        with self.engine.connect() as connection:
            row = connection.execute(select(thing).where(thing.c.key == name)).first()
        return Place(self.gateway, row.id, name, row.name, row.site_id, "kubuqi-north", "UTC")

    def keep(self, now_ms: int) -> None:
        """Let the watchkeeper make anew what came late."""
        while behind := self.behind(now_ms):
            for one in behind:
                catch_up(self.engine, one, now_ms)

    def behind(self, now_ms: int) -> list[str]:
        with self.engine.connect() as connection:
            return read_behind(connection, now_ms)


def add_rule(engine: Engine, key: str = "test", kind: str = "threshold", **values) -> int:
    """Enter a rule that only serves to be named."""
    row = {
        "key": key,
        "kind": kind,
        "name": key,
        "definition": {},
        "changed_at": 0,
        "enabled": False,
    }
    with writing(engine) as connection:
        query = insert(alert_rule).values(row | values).returning(alert_rule.c.id)
        return connection.execute(query).scalar_one()


@dataclass
class DatabaseWatch:
    """A watch that timelines are played to; `conditions` are the rules it may be edited to."""

    field: Field
    conditions: Mapping[str, Condition]
    name: str = "rule"
    kept: bool = True  # the watchkeeper comes after each delivery
    seen: dict[int, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.field.announce()
        self.rule_id = add_rule(self.field.engine)
        self.place, self.datastream_id = self.field.place(), self.field.datastream_id()
        self.edit(self.name, START_MS)

    @property
    def engine(self) -> Engine:
        return self.field.engine

    def arrive(self, rows: Sequence[Row], now_ms: int) -> None:
        outcomes = self.field.take(self.field.batch(rows, now_ms), now_ms=now_ms)
        assert [one.reason for one in outcomes] == [""]
        self._keep(now_ms)

    def restart(self, now_ms: int) -> None:
        self.field.restart()

    def edit(self, rule: str, now_ms: int) -> None:
        self.name = rule
        basis = Basis(self.conditions[rule], WEEK_MS, "Cel")
        subject = f"datastream:{self.datastream_id}"
        wanted = Wanted(self.rule_id, subject, self.place, self.datastream_id, basis)
        with writing(self.engine) as connection:
            lock_gateways(connection, [self.field.gateway])
            assert expand(connection, self.field.gateway, [wanted], now_ms)
        self._keep(now_ms)

    def wait(self, now_ms: int) -> None:
        """Time alone changes nothing of what samples make."""

    def news(self) -> list[News]:
        found = []
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(alert_transition).order_by(
                    alert_transition.c.superseded_at.is_(None), alert_transition.c.id
                )
            ).all()
        for row in rows:
            gone = row.superseded_at is not None
            if self.seen.get(row.id) == gone:
                continue
            how = "superseded" if gone else "corrected" if row.corrected else ""
            level = Severity(row.level_to).name.lower()
            found.append(News(row.kind, level, row.at, row.since, how))
            self.seen[row.id] = gone
        return found

    def state(self) -> State:
        with self.engine.connect() as connection:
            row = connection.execute(select(alert_watch)).one()
        if row.silent_since is not None:
            return State("unknown", row.silent_since)
        return State(Severity(row.level).name.lower(), row.since)

    def record(self) -> list[tuple[int, str, int]]:
        """The transitions that hold, in order of time."""
        with self.engine.connect() as connection:
            of = alert_transition.c
            query = select(of.at, of.kind, of.level_to).where(of.superseded_at.is_(None))
            return [tuple(row) for row in connection.execute(query.order_by(of.at, of.id))]

    def notices(self) -> list[tuple[str, str]]:
        """Mode and reason of all that is to be told."""
        with self.engine.connect() as connection:
            query = select(alert_notice.c.mode, alert_notice.c.reason).order_by(alert_notice.c.id)
            return [tuple(row) for row in connection.execute(query)]

    def _keep(self, now_ms: int) -> None:
        if self.kept:
            self.field.keep(now_ms)


def _sample(row: Row) -> Sample:
    flag = flag_of(row.quality)
    value = None if row.value is None else Decimal(str(row.value))
    if value is None:
        return Sample(row.time_ms, None, reason="timeout")
    if Test.CLOCK_UNKNOWN in Test(row.quality & ~0xF) or Test.FUTURE_TIME in Test(
        row.quality & ~0xF
    ):
        flag = Flag.PASS
    return Sample(row.time_ms, value, flag)
