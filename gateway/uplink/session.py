"""One MQTT connection, from connecting to closing, driven from one thread.

Each connection is a new client with an empty queue: what has to be sent again is the outbox's to
know, and two memories of it would send twice. The session at the broker outlives connections, so
that receipts wait there; a forgetful one throws away what waits.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from socket import socket
from time import monotonic

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.errors import GatewayError
from gateway.uplink.meter import ATTEMPT, Traffic, measure
from gateway.uplink.tls import TlsMemory

CONNECT_TIMEOUT_S = 5.0
CONNACK_TIMEOUT_S = 10.0
# The broker speaks for us (last will) after 1.5 times this; MQTT 3.1.1, 3.1.2.10.
KEEPALIVE_S = 30
# Topic and fixed header of an MQTT message, and what acknowledges it: where the kernel counts
# nothing.
_MESSAGE_BYTES = 100


class LinkError(GatewayError):
    """The broker cannot be reached or has gone: look at the network."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where the broker is and who we are to it."""

    client_id: str
    host: str
    port: int
    tls: bool = False
    ca_file: str = ""
    username: str = ""
    password: str | None = field(default=None, repr=False)
    keepalive_s: int = KEEPALIVE_S


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when we vanish."""

    topic: str
    payload: bytes


class Session:
    """A connection to the broker. All methods raise LinkError when it cannot be had or is gone."""

    def __init__(
        self,
        link: Link,
        will: Will,
        tls: TlsMemory | None,
        on_message: Callable[[str, bytes], None],
        *,
        is_forgetful: bool = False,
    ) -> None:
        """Prepare, without touching the network. `on_message` gets topic and payload."""
        self._link = link
        self._tls = tls
        self._on_payload = on_message
        self._lost: str | None = None
        self._connected = False
        self._acknowledged: list[int] = []
        self._payload_bytes = 0
        self._measured: Traffic | None = None
        self._client = self._make_client(will, is_forgetful=is_forgetful)

    def open(self, *filters: str) -> None:
        """Connect, wait for the broker's consent, and subscribe."""
        link = self._link
        try:
            if self._tls is not None:
                self._client.tls_set_context(self._tls.context())
            self._client.connect(link.host, link.port, keepalive=link.keepalive_s)
        except OSError as error:
            self._note_failed(error)
            raise LinkError(f"broker {link.host}:{link.port}: {error}") from None
        if self._tls is not None:
            self._tls.take_attempted()
            sock = self._client.socket()
            if isinstance(sock, ssl.SSLSocket):
                self._tls.see(sock)
        deadline_s = monotonic() + CONNACK_TIMEOUT_S
        while not self._connected:
            self.pump(0.1)
            if monotonic() > deadline_s:
                raise LinkError(f"broker {link.host}:{link.port} does not answer as a broker")
        self._client.subscribe([(one, 1) for one in filters])

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Hand a message to the connection, QoS 1; returns the id that `pump` will report."""
        self._payload_bytes += len(payload) + _MESSAGE_BYTES
        return self._client.publish(topic, payload, qos=1, retain=retain).mid

    def pump(self, timeout_s: float) -> list[int]:
        """Send and receive for up to `timeout_s`; return the ids the broker has acknowledged."""
        outcome = self._client.loop(timeout_s)
        if self._lost is not None:
            raise LinkError(self._lost)
        if outcome != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise LinkError(f"broker {self._link.host}:{self._link.port}: {outcome.name}")
        acknowledged, self._acknowledged = self._acknowledged, []
        return acknowledged

    def close(self) -> None:
        """Say goodbye, so that the last will is not published, and close."""
        self._client.disconnect()
        self._release()

    def abandon(self) -> None:
        """Drop the connection without a goodbye: the broker publishes the last will."""
        sock = self._client.socket()
        if sock is not None:
            self._look(sock)
            sock.close()
        self._release()

    @property
    def resumed(self) -> bool:
        """Tell whether TLS went on with an earlier session."""
        sock = self._client.socket()
        return isinstance(sock, ssl.SSLSocket) and bool(sock.session_reused)

    def traffic(self) -> Traffic:
        """Tell what this connection has cost so far, also when it is gone."""
        sock = self._client.socket()
        if isinstance(sock, socket):
            self._measured = measure(sock) or self._measured
        return self._measured or Traffic(self._payload_bytes, 0)

    def _look(self, sock: object) -> None:
        """Take what is to be known of a connection before it is closed."""
        if isinstance(sock, socket):
            self._measured = measure(sock) or self._measured
        if self._tls is not None and isinstance(sock, ssl.SSLSocket):
            self._tls.remember(sock)

    def _note_failed(self, error: OSError) -> None:
        """Count an attempt that failed; a session that is no good is not offered again."""
        self._measured = ATTEMPT
        sock = self._tls.take_attempted() if self._tls is not None else None
        if self._tls is None or sock is None:
            return
        self._measured = measure(sock) or ATTEMPT
        sock.close()
        if isinstance(error, ssl.SSLError | ConnectionError):
            self._tls.forget()

    def _release(self) -> None:
        """Cut the circle of references, so that the client and its queue are freed at once."""
        client = self._client
        client.on_connect = client.on_disconnect = client.on_message = client.on_publish = None
        client.on_socket_close = None

    def _make_client(self, will: Will, *, is_forgetful: bool) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._link.client_id,
            clean_session=is_forgetful,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)  # no limit here: the window rules
        client.will_set(will.topic, will.payload, qos=1, retain=True)
        if self._link.username:
            client.username_pw_set(self._link.username, self._link.password)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_socket_close = lambda _client, _userdata, sock: self._look(sock)
        return client

    def _on_connect(
        self,
        _client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._lost = (
                f"broker {self._link.host}:{self._link.port} refuses '{self._link.client_id}': "
                f"{reason}; check uplink.username and SAXAUL_MQTT_PASSWORD"
            )
        self._connected = not reason.is_failure

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._lost is None:
            self._lost = f"broker {self._link.host}:{self._link.port}: connection lost: {reason}"

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._payload_bytes += len(message.payload) + _MESSAGE_BYTES
        self._on_payload(message.topic, bytes(message.payload))

    def _on_publish(
        self,
        _client: Client,
        _userdata: object,
        mid: int,
        _reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        self._acknowledged.append(mid)
