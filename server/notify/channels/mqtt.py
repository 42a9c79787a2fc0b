"""MQTT: warnings for programs at the same broker, such as a siren or a home automation.

The topic is the subscription's address; QoS 1. A retained message is what holds now.
"""

import json
from typing import Protocol

from server.notify.channels.port import Answer, Envelope, Later, Sent
from wire.errors import ConfigError

_MOST_BYTES = 200


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


def require_topic(text: str) -> str:
    """Give a topic that can be published to; raises ConfigError.

    Those of gateways are not for others: a warning there would look like one of their messages.
    """
    if not text or len(text.encode()) > _MOST_BYTES or any(one in text for one in "+#\0"):
        raise ConfigError(f"MQTT topic '{text}'", "write 1 to 200 letters without + and #")
    if text.startswith(("saxaul/", "$")):
        raise ConfigError(f"MQTT topic '{text}'", "belongs to gateways; choose one outside saxaul/")
    return text
