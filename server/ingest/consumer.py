"""The server's side of the broker: subscribes, hands messages on, acknowledges by hand, publishes.

A message is acknowledged only when it is committed. The client id is stable and the session kept,
so that a broker which keeps sessions holds messages while the server is away. Several connections
can share the batches among them (MQTT 5.0, 4.8.2, which brokers offer to 3.1.1 as well).
"""

import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from server.errors import BrokerError
from server.ingest.events import Delivery, Message
from server.mqtt_client import MqttClient, Published
from wire.topics import BATCH_FILTER, UP_FILTERS

BROKER_LOST = "broker_lost"
BROKER_FOUND = "broker_found"
MESSAGE_UNREADABLE = "message_unreadable"

KEEPALIVE_S = 30
# Shorter than the keep-alive: meanwhile the connection says nothing.
RESUBSCRIBE_S = 5.0
RECONNECT_MIN_S, RECONNECT_MAX_S = 1, 5
_QOS = 1

# A different name would be another group, and each group gets every batch.
_SHARED_BATCHES = f"$share/saxaul/{BATCH_FILTER}"
_OF_ONE = tuple(one for one in UP_FILTERS if one != BATCH_FILTER)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """Which of the gateways' messages a connection takes: all, or a share of the batches.

    Batches may come in any order, so workers share them, from number 1 on. All else tells of a
    gateway's present and must keep its order: it goes to worker 0 alone.
    """

    number: int = 0
    shared: bool = False

    @property
    def filters(self) -> tuple[str, ...]:
        """What to subscribe to."""
        if not self.shared:
            return UP_FILTERS
        return (_SHARED_BATCHES,) if self.number else _OF_ONE

    @property
    def unwanted(self) -> tuple[str, ...]:
        """What a kept session may still be subscribed to, from a server without workers."""
        return (BATCH_FILTER,) if self.shared and not self.number else ()

    def client_id(self, base: str) -> str:
        """Name the session: stable, and for worker 0 that of a server without workers."""
        return f"{base}-{self.number}" if self.number else base


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is, how to be let in, and what to take.

    `ca_file` "" trusts the system's authorities. `client_id` is that of worker 0.
    """

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca_file: str = ""
    client_id: str = "saxaul-server"
    part: Part = WHOLE


class Consumer:
    """One MQTT connection that comes back by itself.

    `deliver` is called in the connection's thread for each message and may block to slow the
    broker down; `clock` gives milliseconds UTC.
    """

    def __init__(
        self, broker: BrokerAddress, deliver: Callable[[Message], None], clock: Callable[[], int]
    ) -> None:
        """Prepare the client, connecting nothing; raises BrokerError for a CA file of no use.

        `on_found` may be set before the start: it is then told of each connection, and whether its
        session is new, in place of `take_new_session`: another may have to ask gateways.
        """
        self.on_found: Callable[[bool], None] = self._ask_if_new
        self._broker = broker
        self._part = broker.part
        self._deliver = deliver
        self._clock = clock
        self._connection = 0
        self._stopping = threading.Event()
        self._subscribed = False
        self._session_is_new = False
        self._ask_again = False
        self._leftovers = self._part.unwanted
        self._error = "not connected yet"
        self._client = self._make_client()

    @property
    def is_connected(self) -> bool:
        """Tell whether messages can arrive: connected and subscribed."""
        return self._subscribed

    @property
    def error(self) -> str:
        """Say why it is not connected; "" when it is."""
        return "" if self._subscribed else self._error

    def take_new_session(self) -> bool:
        """Tell, once for each time, that the broker knew no session of ours: it kept nothing.

        Told when we are subscribed, so that what is sent from now on arrives. [MQTT-3.2.2-2]
        """
        if not (self._subscribed and self._ask_again):
            return False
        self._ask_again = False
        return True

    def ask_again(self) -> None:
        """Have `take_new_session` tell so: a session was new, ours or that of another worker."""
        self._ask_again = True

    def start(self) -> None:
        """Connect in the background, again and again until it works."""
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye and end the thread; what was not acknowledged stays with the broker."""
        self._stopping.set()
        self._client.disconnect()
        self._client.loop_stop()
        self._client.reinitialise()  # closes its sockets now, not when the collector comes
        self._subscribed = False

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Let the broker forget messages, as far as they came by the connection that stands now.

        Packet ids of an earlier connection may meanwhile mean another message. What a kept session
        delivers before the subscription is confirmed counts as well: left unacknowledged, it would
        use up what the broker sends ahead.
        """
        connection = self._connection
        self._client.acknowledge(
            [one.packet_id for one in deliveries if one.connection == connection]
        )

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message to a gateway."""
        self._client.publish(topic, payload, qos=_QOS)

    def _make_client(self) -> MqttClient:
        client = new_client(self._broker, clean_session=False)
        client.reconnect_delay_set(RECONNECT_MIN_S, RECONNECT_MAX_S)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.deliver_to(self._on_published)
        return client

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: Any,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._lose(f"the broker refuses us: {reason}")
            return
        if not flags.session_present:
            self._session_is_new = True
            self._leftovers = ()
        self._connection += 1
        # Asked for each time: a session that was kept knows only the topics of its day.
        self._subscribe(client)

    def _subscribe(self, client: mqtt.Client) -> None:
        client.subscribe([(topic, _QOS) for topic in self._part.filters])

    def _on_subscribe(
        self,
        client: mqtt.Client,
        _userdata: Any,
        _packet_id: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._lose("the broker does not let us read the gateways' topics: look at its ACL")
            self._stopping.wait(RESUBSCRIBE_S)
            self._subscribe(client)
            return
        self._subscribed = True
        log.info(BROKER_FOUND, host=self._broker.host, port=self._broker.port)
        if self._leftovers:  # only now: what is published meanwhile had better come twice
            client.unsubscribe(list(self._leftovers))
            self._leftovers = ()
        is_new, self._session_is_new = self._session_is_new, False
        self.on_found(is_new)

    def _ask_if_new(self, is_new: bool) -> None:  # noqa: FBT001 - the one thing that is told
        if is_new:
            self.ask_again()

    def _on_connect_fail(self, _client: mqtt.Client, _userdata: Any) -> None:
        self._lose("nothing answers there")

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _userdata: Any,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._connection += 1  # what came by the old one can no longer be acknowledged
        if reason.is_failure and self._subscribed:  # else it was never there, and we know why
            self._lose(f"connection lost: {reason}")

    def _lose(self, why: str) -> None:
        """Note that nothing can arrive; said once, not at each attempt."""
        error = f"broker {self._broker.host}:{self._broker.port}: {why}"
        if self._subscribed or error != self._error:
            log.warning(BROKER_LOST, error=error)
        self._error = error
        self._subscribed = False

    def _on_published(self, published: Published) -> None:
        packet_id = published.packet_id
        delivery = None if packet_id is None else Delivery(self._connection, packet_id)
        try:
            topic = published.topic.decode()
        except UnicodeDecodeError:
            log.warning(MESSAGE_UNREADABLE, reason="topic is not UTF-8")
            if delivery:
                self.acknowledge([delivery])
            return
        self._deliver(
            Message(
                topic=topic,
                payload=published.payload,
                received_at=self._clock(),
                retained=published.retained,
                delivery=delivery,
            )
        )


def new_client(broker: BrokerAddress, *, clean_session: bool) -> MqttClient:
    """Prepare a client for a session of ours; raises BrokerError for a CA file of no use."""
    client = MqttClient(
        CallbackAPIVersion.VERSION2,
        client_id=broker.part.client_id(broker.client_id),
        clean_session=clean_session,
        protocol=MQTTProtocolVersion.MQTTv311,
        manual_ack=True,
    )
    if broker.username:
        client.username_pw_set(broker.username, broker.password or None)
    if broker.tls:
        client.tls_set_context(_tls_context(broker.ca_file))
    return client


def _tls_context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise BrokerError(
            f"certificate authority '{ca_file}' cannot be used: {error.strerror or error}; "
            "name a PEM file with mqtt.ca_file"
        ) from error
