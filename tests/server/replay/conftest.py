"""A gateway's journal, taken in by one catalogue and replayed by another."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import Engine, delete, select

from server.db import tables as t
from server.db.engine import writing
from server.ingest.events import Message, Turn, WaitingBatch
from server.ingest.pipeline import Pipeline
from server.replay.run import Order, Replay, Tally
from server.replay.selection import EVER, Span
from server.store.engines import store_for
from wire import messages, topics
from wire.batch import Sample, encode
from wire.catalogue import SensorModel, Sentinel, bundled
from wire.messages import ClockSource

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
MINUTE_MS = 60_000
GATEWAY = "kubuqi-dune"
PLACE = "dune-1/soil-10cm"
TEROS = "METER TEROS 12"


@dataclass(frozen=True)
class Station:
    """Writes what a gateway sends, each message received a second after the one before."""

    _count: Iterator[int] = field(default_factory=itertools.count)

    def announce(
        self,
        *,
        rev: int = 1,
        model: str = TEROS,
        names: tuple[str, ...] = (),
        units: Mapping[str, str] = {},
    ) -> Message:
        """An inventory of one soil sensor with two series, or with other ones of its."""
        units = {"vwc_raw": "{raw}", "soil_temperature": "Cel", "soil_ec": "uS/cm", **units}
        keys = names or ("vwc_raw", "soil_temperature")
        inventory = messages.Inventory(
            rev=rev,
            gateway=messages.GatewayInfo(id=GATEWAY),
            things=[messages.ThingInfo(id="dune-1", name="Dune 1", site="kubuqi")],
            sensors=[messages.SensorInfo(id="soil-10cm", thing="dune-1", model=model)],
            datastreams=[
                messages.DatastreamInfo(
                    name=f"{PLACE}/{key}",
                    sensor=PLACE,
                    property=key,
                    unit=units[key],
                    interval_s=60.0,
                )
                for key in keys
            ],
        )
        return self.message(topics.inventory(GATEWAY), messages.encode(inventory))

    def batch(
        self,
        seq: int,
        series: Mapping[str, list[str | None]],
        *,
        at: int = 0,
        epoch: str = "a1b2c3d4",
        clock: ClockSource = ClockSource.NTP,
    ) -> Message:
        """A value a minute of each property from minute `at` on; None is a timeout."""
        samples = {
            f"{PLACE}/{key}": [
                Sample((at + index) * MINUTE_MS, value if value is None else Decimal(value),
                       reason="" if value is not None else f"timeout in {seq}")
                for index, value in enumerate(values)
            ]
            for key, values in series.items()
        }  # fmt: skip
        return self.message(topics.batch(GATEWAY, epoch, seq), encode(clock, samples))

    def message(self, topic: str, payload: bytes, *, retained: bool = False) -> Message:
        return Message(topic, payload, NOW_MS + 1000 * next(self._count), retained=retained)


@dataclass
class Server:
    """A database and what the programs do to it."""

    engine: Engine

    def take(self, *stream: Message, catalogue: Mapping[str, SensorModel] | None = None) -> None:
        """Take messages in as the worker does: each, and then what waited for it."""
        pipeline = Pipeline(store_for(self.engine), catalogue or bundled())
        with writing(self.engine) as connection:
            for message in stream:
                turn = Turn(connection, NOW_MS, alone=False)
                outcome = pipeline.process(turn, message)
                for entry in outcome.waiting:
                    pipeline.process(turn, WaitingBatch(entry))

    def replay(
        self,
        span: Span = EVER,
        *,
        catalogue: Mapping[str, SensorModel] | None = None,
        **order: bool,
    ) -> Tally:
        work = Replay(
            self.engine, catalogue or bundled(), Order(GATEWAY, span, **order), lambda: NOW_MS
        )
        for _ in work.steps():
            pass
        return work.tally

    def replay_piecewise(self, *, catalogue: Mapping[str, SensorModel]) -> None:
        """Replay four minutes at a time, each run stopped after any of its steps and begun again."""
        for minute in range(0, 12, 4):
            span = Span(minute * MINUTE_MS, (minute + 4) * MINUTE_MS)
            work = Replay(self.engine, catalogue, Order(GATEWAY, span), lambda: NOW_MS)
            next(work.steps(), None)
            self.replay(span, catalogue=catalogue)
        self.replay(catalogue=catalogue, only_refused=True)

    def observations(self) -> list[tuple]:
        """Name, minute, value, quality and reason of everything stored."""
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(
                    t.datastream.c.name,
                    t.observation.c.time,
                    t.observation.c.value,
                    t.observation.c.quality,
                    t.observation_note.c.reason,
                )
                .join(t.datastream, t.datastream.c.id == t.observation.c.datastream_id)
                .outerjoin(
                    t.observation_note,
                    (t.observation_note.c.datastream_id == t.observation.c.datastream_id)
                    & (t.observation_note.c.time == t.observation.c.time),
                )
                .order_by(t.datastream.c.name, t.observation.c.time)
            ).all()
        return [
            (row.name.rpartition("/")[2], row.time // MINUTE_MS, row.value, row.quality, row.reason)
            for row in rows
        ]

    def values(self, key: str) -> dict[int, float | None]:
        """Map the minutes of a series to its values."""
        return {minute: value for name, minute, value, *_ in self.observations() if name == key}

    def latest(self) -> dict[str, tuple]:
        """Map each series to its newest observation, as pages show it."""
        with self.engine.connect() as connection:
            rows = connection.execute(
                select(t.datastream.c.name, t.latest).join(
                    t.datastream, t.datastream.c.id == t.latest.c.datastream_id
                )
            ).all()
        return {
            row.name.rpartition("/")[2]: (
                row.time // MINUTE_MS, row.value, row.quality, row.reason, row.received_at
            )
            for row in rows
        }  # fmt: skip

    def journal(self) -> list[tuple]:
        """Sequence number, status, reason and content of each entry, as they came."""
        j = t.journal.c
        with self.engine.connect() as connection:
            return [
                tuple(row)
                for row in connection.execute(
                    select(
                        j.seq, j.status, j.reason, j.observations, j.first_time, j.last_time
                    ).order_by(j.id)
                )
            ]

    def ledger(self) -> list[tuple]:
        ranges = t.ledger_range.c
        with self.engine.connect() as connection:
            return [
                tuple(row)
                for row in connection.execute(
                    select(ranges.epoch, ranges.first, ranges.last, ranges.fate).order_by(
                        ranges.epoch, ranges.first
                    )
                )
            ]

    def everything(self) -> dict[str, list[tuple]]:
        """All tables that a replay may touch, and those that it must leave alone."""
        with self.engine.connect() as connection:
            return {
                name: sorted(map(tuple, connection.execute(select(table))), key=repr)
                for name, table in t.metadata.tables.items()
            }

    def clear(self) -> None:
        with writing(self.engine) as connection:
            for table in reversed(t.metadata.sorted_tables):
                connection.execute(delete(table))


@pytest.fixture
def server(engine: Engine) -> Server:
    """On SQLite and on TimescaleDB."""
    return Server(engine)


@pytest.fixture
def server_on_sqlite(sqlite_engine: Engine) -> Server:
    return Server(sqlite_engine)


@pytest.fixture
def station() -> Station:
    return Station()


@pytest.fixture
def changed() -> Callable[..., dict[str, SensorModel]]:
    """The bundled catalogue with some fields of the soil sensor changed, or without it (None)."""

    def change(fields: dict[str, object] | None) -> dict[str, SensorModel]:
        models = dict(bundled())
        old = models.pop(TEROS)
        if fields is not None:
            models[TEROS] = msgspec.structs.replace(old, **fields)
        return models

    return change


@pytest.fixture
def catalogue(changed) -> Callable[[int], Mapping[str, SensorModel]]:
    """Three catalogues: without the sensor, as it is, with a sentinel more and a series less."""
    no_value = Sentinel(value=Decimal(2000), reason="probe unplugged")
    all_three = [changed(None), changed({}), changed({"sentinel": [no_value], "derived": []})]
    return lambda number: all_three[number]  # not the list: a failure would print all of it
