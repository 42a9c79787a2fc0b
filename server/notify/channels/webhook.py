"""Webhook: a signed JSON message to a program of somebody else's.

Signed as Standard Webhooks 1.0 has it (standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`,
so that whoever receives it can tell that it is ours, whole, and recent.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from server.notify.channels.port import Answer, Envelope
from server.notify.channels.post import answer_of, post, require_sound, unreachable


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """`secret` signs; who receives must know it."""

    secret: str = field(repr=False)


class Webhook:
    """Posts to the subscription's address. The unavoidable double: none, `webhook-id` stays."""

    def __init__(self, settings: WebhookSettings, clock: Callable[[], int]) -> None:
        """Keep the secret; `clock` gives ms UTC."""
        self._settings = settings
        self._clock = clock

    def close(self) -> None:
        """Nothing is kept between messages."""

    def send(self, envelope: Envelope) -> Answer:
        """Post it."""
        address = require_sound(envelope.address, "the webhook's address")
        body = json.dumps(
            {"type": "alert", "subject": envelope.said.subject, "text": envelope.said.text,
             "language": envelope.said.language, **envelope.facts},
            ensure_ascii=False,
        ).encode()  # fmt: skip
        seconds = str(self._clock() // 1000)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Saxaul",
            "webhook-id": envelope.key,
            "webhook-timestamp": seconds,
            "webhook-signature": sign(self._settings.secret, envelope.key, seconds, body),
        }
        try:
            return answer_of(post(address, body, headers))
        except OSError as error:
            return unreachable(address, error)


def sign(secret: str, key: str, seconds: str, body: bytes) -> str:
    """Sign a message: `v1,` and the HMAC in base64."""
    signed = b".".join((key.encode(), seconds.encode(), body))
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
