"""A station with soil sensors, what a server makes of it, and its relative water."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import Engine, select

from server.db import tables as t
from server.db.engine import writing
from server.ingest.events import Message, Turn
from server.ingest.pipeline import Pipeline
from server.soil import saying
from server.soil.book import Where
from server.soil.ground import Said
from server.soil.history import History
from server.soil.relative import RELATIVE
from server.store.engines import store_for
from wire import messages, topics
from wire.batch import Sample, encode
from wire.catalogue import bundled
from wire.messages import ClockSource

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
MINUTE_MS = 60_000
TEROS, ACCLIMA, CAMPBELL = "METER TEROS 12", "Acclima TDR-315 and TDR-310", "Campbell CS650"
# What each gives, and in which unit.
GIVES = {TEROS: ("vwc_raw", "{raw}"), ACCLIMA: ("vwc", "%"), CAMPBELL: ("vwc", "m3/m3")}


@dataclass(frozen=True)
class Probe:
    """One soil sensor of a station."""

    id: str = "soil-10cm"
    thing: str = "dune-1"
    model: str = TEROS
    depth_m: float | None = 0.1

    @property
    def key(self) -> str:
        return GIVES[self.model][0]

    @property
    def name(self) -> str:
        return f"{self.thing}/{self.id}/{self.key}"

    @property
    def relative(self) -> str:
        return f"{self.thing}/{self.id}/{RELATIVE}"


@dataclass
class Server:
    """A database, one pipeline that stays, and what it made of what came."""

    engine: Engine
    gateway: str = "kubuqi-dune"
    now_ms: int = NOW_MS
    _seq: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.pipeline = Pipeline(store_for(self.engine), bundled())

    def announce(self, *probes: Probe, site: str = "kubuqi", rev: int = 1) -> None:
        things = dict.fromkeys(one.thing for one in probes)
        inventory = messages.Inventory(
            rev=rev,
            gateway=messages.GatewayInfo(id=self.gateway),
            things=[messages.ThingInfo(id=one, name=one, site=site) for one in things],
            sensors=[
                messages.SensorInfo(
                    id=one.id, thing=one.thing, model=one.model, depth_m=one.depth_m
                )
                for one in probes
            ],
            datastreams=[
                messages.DatastreamInfo(
                    name=one.name,
                    sensor=f"{one.thing}/{one.id}",
                    property=one.key,
                    unit=GIVES[one.model][1],
                    interval_s=60.0,
                )
                for one in probes
            ],
        )
        self.take(topics.inventory(self.gateway), messages.encode(inventory))

    def measure(
        self, probe: Probe, *values: str | None, at: int = 0, clock: ClockSource = ClockSource.NTP
    ) -> None:
        """A value a minute from minute `at` on; None is a timeout."""
        samples = [
            Sample(
                (at + index) * MINUTE_MS,
                value if value is None else Decimal(value),
                reason="timeout" if value is None else "",
            )
            for index, value in enumerate(values)
        ]
        topic = topics.batch(self.gateway, "a1b2c3d4", next(self._seq))
        self.take(topic, encode(clock, {probe.name: samples}))

    def take(self, topic: str, payload: bytes) -> None:
        with writing(self.engine) as connection:
            turn = Turn(connection, self.now_ms, alone=False)
            outcome = self.pipeline.process(turn, Message(topic, payload, self.now_ms))
        assert not outcome.reason

    def say(self, said: Said, *, thing: str | None = None, **depths: float) -> None:
        """Say what the soil of the only site is, or of a thing."""
        table = t.site if thing is None else t.thing
        own = select(table.c.id).where(table.c.key == (thing or "kubuqi"))
        if thing is not None:
            own = own.where(table.c.gateway_id == self.gateway)
        with self.engine.connect() as connection:
            found = connection.execute(own).scalar_one()
        key = "site_id" if thing is None else "thing_id"
        saying.say(self.engine, Where(**{key: found}, **depths), said, self.now_ms)

    def history(self, most: int = 100) -> History:
        return History(self.engine, bundled(), lambda: self.now_ms, most)

    def compute(self, most: int = 100) -> int:
        """Compute all that waits; tells in how many steps."""
        history = self.history(most)
        return sum(1 for _ in iter(history.step, None))

    def formula(self, name: str) -> str | None:
        wanted = select(t.datastream.c.transform).where(t.datastream.c.name == name)
        with self.engine.connect() as connection:
            return connection.execute(wanted).scalar_one()

    def stored(self, name: str) -> dict[int, tuple[float | None, int, str | None]]:
        """Map minutes to value, quality and reason."""
        o, note = t.observation, t.observation_note
        wanted = (
            select(o.c.time, o.c.value, o.c.quality, note.c.reason)
            .join(t.datastream, t.datastream.c.id == o.c.datastream_id)
            .outerjoin(
                note, (note.c.datastream_id == o.c.datastream_id) & (note.c.time == o.c.time)
            )
            .where(t.datastream.c.name == name)
            .order_by(o.c.time)
        )
        with self.engine.connect() as connection:
            return {
                row.time // MINUTE_MS: (row.value, row.quality, row.reason)
                for row in connection.execute(wanted)
            }

    def values(self, name: str) -> list[float | None]:
        return [value for value, _, _ in self.stored(name).values()]

    def rows(self, table: str) -> list[tuple]:
        source = t.metadata.tables[table]
        with self.engine.connect() as connection:
            return sorted(map(tuple, connection.execute(select(source))), key=repr)
