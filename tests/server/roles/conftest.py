"""A field of gateways at a real Mosquitto, and a crew of ingest workers on a real TimescaleDB."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

import paho.mqtt.client as mqtt
import pytest
from sqlalchemy import Engine, func, select

from deploy.ports import wait_until
from server.db.tables import journal, observation
from server.roles.crew import Crew
from server.roles.orders import Order
from server.roles.role import Workers
from wire import messages, topics
from wire.batch import Sample, encode
from wire.messages import ClockSource

EPOCH = "a1b2c3d4"
NAME = "dune-1/soil-10cm/soil_temperature"
START_MS = 1_767_225_600_000
PATIENCE_S = 30.0


class Field:
    """Some gateways that share a connection; they send nothing twice unless they are asked to."""

    def __init__(self, port: int, gateways: int) -> None:
        self.gateways = [f"dune-{number:02d}" for number in range(gateways)]
        self.stored: Counter[tuple[str, int]] = Counter()
        self.refused: list[str] = []
        self.asked: Counter[str] = Counter()
        self._seq = Counter[str]()
        self._lock = threading.Lock()
        # As gateways do: what is said to them while they are away waits at the broker.
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="field", clean_session=False
        )
        self._client.max_inflight_messages_set(400)
        self._client.on_message = self._on_message
        heard = threading.Event()
        wanted = [(topic, 1) for topic in (topics.receipt("+"), topics.command("+", "+"))]
        self._client.on_connect = lambda client, *_: client.subscribe(wanted)
        self._client.on_subscribe = lambda *_: heard.set()
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert heard.wait(10)

    def announce(self) -> None:
        """Publish all inventories and return once the broker has them."""
        self._publish(
            [(topics.inventory(one), _inventory(one), True) for one in self.gateways]
            + [(topics.status(one), _status(), True) for one in self.gateways]
        )

    def send(self, rounds: int) -> None:
        """Publish so many batches of every gateway, in turns."""
        told = []
        for _ in range(rounds):
            for one in self.gateways:
                self._seq[one] += 1
                told.append((one, self._seq[one]))
        self._publish_batches(told)

    def send_again(self) -> None:
        """Publish once more whatever has no receipt."""
        every = {(one, seq) for one in self.gateways for seq in range(1, self._seq[one] + 1)}
        self._publish_batches(sorted(every - self.stored.keys()))

    def _publish_batches(self, told: Sequence[tuple[str, int]]) -> None:
        """Publish batches of one value for the minute of their number."""
        samples = [[Sample(START_MS + 60_000 * seq, Decimal("16.1"))] for _, seq in told]
        self._publish(
            [
                (topics.batch(gateway, EPOCH, seq), encode(ClockSource.NTP, {NAME: one}), False)
                for (gateway, seq), one in zip(told, samples, strict=True)
            ]
        )

    @property
    def sent(self) -> int:
        return sum(self._seq.values())

    @property
    def confirmed(self) -> int:
        """Count the batches of which a receipt came."""
        with self._lock:
            return len(self.stored)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client.reinitialise()  # closes its sockets now, not when the collector comes

    def _publish(self, told: list[tuple[str, bytes, bool]]) -> None:
        infos = [self._client.publish(topic, data, 1, retain) for topic, data, retain in told]
        for info in infos:
            info.wait_for_publish(PATIENCE_S)

    def _on_message(self, _client, _userdata, message) -> None:
        gateway = topics.gateway_of(message.topic)
        if not message.topic.endswith("/receipt"):
            if not message.topic.endswith("/result"):
                self.asked[gateway] += 1
            return
        receipt = messages.decode(message.payload, messages.Receipt)
        with self._lock:
            for first, last in receipt.stored:
                self.stored.update((gateway, seq) for seq in range(first, last + 1))
            self.refused += [one.reason for one in receipt.refused]


def _status() -> bytes:
    return messages.encode(messages.Status(state="online", at=START_MS))


def _inventory(gateway: str) -> bytes:
    thing, sensor, key = NAME.split("/")
    return messages.encode(
        messages.Inventory(
            rev=1,
            gateway=messages.GatewayInfo(id=gateway),
            things=[messages.ThingInfo(id=thing, name="Dune 1", site="kubuqi-north")],
            sensors=[messages.SensorInfo(id=sensor, thing=thing, model="METER TEROS 12")],
            datastreams=[
                messages.DatastreamInfo(
                    name=NAME, sensor=f"{thing}/{sensor}", property=key, unit="Cel", interval_s=60
                )
            ],
        )
    )


@pytest.fixture
def field(mosquitto) -> Iterator[Field]:
    """Twenty gateways at the broker."""
    made = Field(mosquitto.port, 20)
    yield made
    made.close()


@pytest.fixture
def start_crew(timescale_engine: Engine, mosquitto) -> Iterator[Callable[..., Crew]]:
    """Start workers between that Mosquitto and a TimescaleDB; they are stopped after the test."""
    running: list[Crew] = []

    def start(count: int) -> Crew:
        order = Order(
            database_url=timescale_engine.url.render_as_string(hide_password=False),
            host="127.0.0.1",
            port=mosquitto.port,
            username="",
            password="",
            tls=False,
            ca_file="",
            number=0,
        )
        crew = Crew(order, Workers(1, count))
        running.append(crew)
        crew.start()
        assert wait_until(lambda: all(one.report.connected for one in crew.health()), PATIENCE_S)
        return crew

    yield start
    for crew in running:
        crew.stop(5)


@pytest.fixture
def in_database(timescale_engine: Engine) -> Callable[[], tuple[int, int]]:
    """Count the batches journalled and the observations stored."""

    def count() -> tuple[int, int]:
        with timescale_engine.connect() as connection:
            entries = select(func.count()).select_from(journal).where(journal.c.seq.is_not(None))
            rows = select(func.count()).select_from(observation)
            return connection.execute(entries).scalar_one(), connection.execute(rows).scalar_one()

    return count
