"""A browser that can be pushed to: its keys are here, its push service is a local web server."""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def text_of(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


@dataclass
class Phone:
    """Holds what a browser keeps to itself; reads messages by code that is not ours."""

    key: ec.EllipticCurvePrivateKey
    auth: bytes = b"sixteen letters!"

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self, endpoint: str) -> str:
        """Write what PushSubscription.toJSON gives."""
        keys = {"p256dh": text_of(self.point), "auth": text_of(self.auth)}
        return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": keys})

    def read(self, body: bytes) -> bytes:
        return http_ece.decrypt(
            body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"
        )
