"""MQTT: warnings for programs at the same broker, such as a siren or a home automation.

The topic is the subscription's address; QoS 1. A retained message is what holds now.
"""

import json
import ssl
import threading
from typing import Any, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from server.ingest.consumer import BrokerAddress
from server.notify.channels.port import Answer, Envelope, Later, Sent
from wire.errors import ConfigError

_MOST_BYTES = 200
_TIMEOUT_S = 10.0


class Broker(Protocol):
    """Where messages can be left: gives True once the broker has confirmed it."""

    def __call__(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Publish with QoS 1; raises OSError."""
        ...


class Mqtt:
    """Publishes. The unavoidable double: QoS 1 may bring a message twice; `key` tells."""

    def __init__(self, publish: Broker) -> None:
        """Publish by this."""
        self._publish = publish

    def close(self) -> None:
        """Nothing is kept between messages."""

    def send(self, envelope: Envelope) -> Answer:
        """Publish it, retained, to the subscription's topic."""
        topic = require_topic(envelope.address)
        payload = json.dumps(
            {"key": envelope.key, "subject": envelope.said.subject, **envelope.facts},
            ensure_ascii=False,
        ).encode()
        try:
            confirmed = self._publish(topic, payload, retain=True)
        except OSError as error:
            return Later(f"the broker cannot be reached: {error.strerror or error}")
        return Sent() if confirmed else Later("the broker did not confirm the message")


class BrokerLine:
    """Publishes to the server's broker, by a connection for each message: there are few."""

    def __init__(self, broker: BrokerAddress) -> None:
        """Keep where the broker is; connects to nothing."""
        self._broker = broker

    def __call__(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        """Publish and wait for the broker's word; raises OSError when it cannot be reached."""
        client = self._client()
        confirmed, refused = threading.Event(), threading.Event()

        def met(_client: object, _data: object, _flags: object, reason: Any, _more: object) -> None:
            if reason.is_failure:
                refused.set()
                confirmed.set()
                return
            client.publish(topic, payload, qos=1, retain=retain)

        client.on_connect = met
        client.on_publish = lambda *_: confirmed.set()
        client.connect(self._broker.host, self._broker.port, keepalive=30)
        client.loop_start()
        try:
            return confirmed.wait(_TIMEOUT_S) and not refused.is_set()
        finally:
            client.disconnect()
            client.loop_stop()

    def _client(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, clean_session=True)
        client.connect_timeout = _TIMEOUT_S
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls:
            client.tls_set(ca_certs=self._broker.ca_file or None, cert_reqs=ssl.CERT_REQUIRED)
        return client


def require_topic(text: str) -> str:
    """Give a topic that can be published to; raises ConfigError.

    Those of gateways are not for others: a warning there would look like one of their messages.
    """
    if not text or len(text.encode()) > _MOST_BYTES or any(one in text for one in "+#\0"):
        raise ConfigError(f"MQTT topic '{text}'", "write 1 to 200 letters without + and #")
    if text.startswith(("saxaul/", "$")):
        raise ConfigError(f"MQTT topic '{text}'", "belongs to gateways; choose one outside saxaul/")
    return text
