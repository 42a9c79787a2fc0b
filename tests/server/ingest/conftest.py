"""A gateway with one soil sensor, as the messages it would send, and a pipeline to take them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import paho.mqtt.client as mqtt
import pytest
from sqlalchemy import Engine, select

from server.db.engine import writing
from server.db.tables import datastream, journal, observation
from server.ingest.events import Message, Outcome
from server.ingest.pipeline import Pipeline, Turn
from server.ingest.service import BrokerAddress, IngestService
from server.ingest.worker import Backoff
from server.store.engines import store_for
from wire import messages, topics
from wire.batch import Sample, encode
from wire.catalogue import bundled
from wire.messages import ClockSource

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00Z
GATEWAY = "kubuqi-dune"
EPOCH = "a1b2c3d4"
RAW = "dune-1/soil-10cm/vwc_raw"
VWC = "dune-1/soil-10cm/vwc"
TEMPERATURE = "dune-1/soil-10cm/soil_temperature"


@dataclass(frozen=True)
class Station:
    """Writes what the gateway of one TEROS 12 sends."""

    gateway: str = GATEWAY
    epoch: str = EPOCH
    now_ms: int = NOW_MS

    def inventory(self, **changes: object) -> messages.Inventory:
        fields = {
            "rev": 1,
            "gateway": messages.GatewayInfo(id=self.gateway, software="0.1.0"),
            "things": [
                messages.ThingInfo(
                    id="dune-1", name="Dune 1", site="kubuqi-north", lat=40.6, lon=108.9
                )
            ],
            "sensors": [
                messages.SensorInfo(
                    id="soil-10cm",
                    thing="dune-1",
                    model="METER TEROS 12",
                    protocol="sdi12",
                    address="1",
                    depth_m=0.1,
                )
            ],
            "datastreams": [self.series(RAW, "{raw}"), self.series(TEMPERATURE, "Cel")],
        }
        return messages.Inventory(**(fields | changes))

    def series(self, name: str, unit: str) -> messages.DatastreamInfo:
        sensor, _, key = name.rpartition("/")
        return messages.DatastreamInfo(
            name=name, sensor=sensor, property=key, unit=unit, interval_s=600.0
        )

    def announce(self, inventory: messages.Inventory | None = None) -> Message:
        payload = messages.encode(inventory or self.inventory())
        return self.message(topics.inventory(self.gateway), payload)

    def batch(self, seq: int, payload: bytes) -> Message:
        return self.message(topics.batch(self.gateway, self.epoch, seq), payload)

    def readings(
        self,
        seq: int,
        values: Sequence[str | None],
        *,
        name: str = RAW,
        at_ms: int = NOW_MS - 3_600_000,
        clock: ClockSource = ClockSource.NTP,
    ) -> Message:
        """A batch of one series, a value every ten seconds; None is a timeout."""
        samples = [
            Sample(at_ms + 10_000 * index, None, reason="timeout")
            if value is None
            else Sample(at_ms + 10_000 * index, Decimal(value))
            for index, value in enumerate(values)
        ]
        return self.batch(seq, encode(clock, {name: samples}))

    def message(self, topic: str, payload: bytes, **more: object) -> Message:
        return Message(topic, payload, received_at=self.now_ms, **more)


@dataclass
class Taker:
    """Takes messages through the pipeline, each group in one committed transaction."""

    engine: Engine
    pipeline: Pipeline = field(init=False)

    def __post_init__(self) -> None:
        self.pipeline = Pipeline(store_for(self.engine), bundled())

    def __call__(self, *work, now_ms: int = NOW_MS, alone: bool = False) -> list[Outcome]:
        with writing(self.engine) as connection:
            turn = Turn(connection, now_ms, alone=alone)
            return [self.pipeline.process(turn, one) for one in work]

    def rows(self, name: str) -> list[tuple[int, float | None, int]]:
        """Time, value, quality of a series, oldest first."""
        with self.engine.connect() as connection:
            found = connection.execute(
                select(observation.c.time, observation.c.value, observation.c.quality)
                .join(datastream, datastream.c.id == observation.c.datastream_id)
                .where(datastream.c.name == name)
                .order_by(observation.c.time)
            )
            return [tuple(row) for row in found]

    def entries(self) -> list[tuple[str, str]]:
        """Status and reason of all that is journalled, oldest first."""
        with self.engine.connect() as connection:
            found = connection.execute(
                select(journal.c.status, journal.c.reason).order_by(journal.c.id)
            )
            return [tuple(row) for row in found]


@pytest.fixture
def station() -> Station:
    return Station()


@pytest.fixture
def take(engine: Engine) -> Taker:
    """A pipeline on SQLite and on TimescaleDB."""
    return Taker(engine)


@pytest.fixture
def take_on_sqlite(sqlite_engine: Engine) -> Taker:
    """A pipeline on SQLite, for what does not depend on the store."""
    return Taker(sqlite_engine)


class Gateway:
    """The gateway's side of a broker: publishes and collects what comes down."""

    def __init__(self, port: int) -> None:
        self.receipts: list[messages.Receipt] = []
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"gw-{GATEWAY}")
        self._client.on_connect = lambda client, *_: client.subscribe(topics.receipt(GATEWAY), 1)
        self.subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_disconnect = lambda *_: self.subscribed.clear()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self.subscribed.wait(10)

    def send(self, *sent: Message, retain: bool = False) -> None:
        """Publish, and return once the broker holds it all."""
        infos = [self._client.publish(one.topic, one.payload, 1, retain) for one in sent]
        for info in infos:
            info.wait_for_publish(10)

    @property
    def stored(self) -> list[int]:
        """Every seq that a receipt named as stored, in the order they came."""
        return [
            seq
            for receipt in self.receipts
            for first, last in receipt.stored
            for seq in range(first, last + 1)
        ]

    @property
    def refused(self) -> dict[int, str]:
        return {one.seq: one.reason for receipt in self.receipts for one in receipt.refused}

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client.reinitialise()  # closes its sockets now, not when the collector comes

    def _on_message(self, _client, _userdata, message) -> None:
        self.receipts.append(messages.decode(message.payload, messages.Receipt))


def _wait_until(condition: Callable[[], object], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait for a condition; fail when it does not come about."""
    return _wait_until


@pytest.fixture
def connect() -> Callable[[int], Gateway]:
    """Connects a gateway to the broker at a port; the test closes it."""
    return Gateway


@pytest.fixture
def gateway(mosquitto) -> Iterator[Gateway]:
    """A gateway connected to a real Mosquitto."""
    connected = Gateway(mosquitto.port)
    yield connected
    connected.close()


@pytest.fixture
def run_ingest(engine: Engine, mosquitto) -> Iterator[Callable[..., IngestService]]:
    """Start ingest between that Mosquitto and a database; it is stopped after the test."""
    running: list[IngestService] = []

    def run(on_committed=lambda _rows: None, **options) -> IngestService:
        broker = BrokerAddress("127.0.0.1", mosquitto.port)
        backoff = Backoff(first_s=0.05, longest_s=0.1)
        service = IngestService(engine, broker, on_committed, backoff=backoff, **options)
        service.start()
        running.append(service)
        _wait_until(lambda: service.health().connected)
        return service

    yield run
    for service in running:
        service.stop()
