"""By which key push services know this server: VAPID (RFC 8292), one key pair for ever.

Each browser binds its address to the key: with another one all addresses are void.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import Engine, select

from server.db.engine import writing
from server.db.notify_tables import secret
from server.db.once import enter_missing
from server.notify.channels.web_push.encryption import point_of

_SECRET = "web push key"  # noqa: S105 - the row's name
_NUMBER_BYTES = 32  # of P-256
# RFC 8292, 2: a day at most. Half of it leaves room for a clock that is wrong.
_HOLDS_S = 12 * 3600


@dataclass(frozen=True, slots=True)
class VapidKey:
    """The server's key pair."""

    private: ec.EllipticCurvePrivateKey

    @property
    def public(self) -> str:
        """Write the public key as pages give it to browsers."""
        return to_text(point_of(self.private.public_key()))

    def authorization(self, address: str, contact: str, now_ms: int) -> str:
        """Sign for the push service of an address; `contact` is a mailto: or https: address."""
        parts = urlsplit(address)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": now_ms // 1000 + _HOLDS_S,
            "sub": contact,
        }
        signed = f"{_json({'typ': 'JWT', 'alg': 'ES256'})}.{_json(claims)}"
        return f"vapid t={signed}.{to_text(self._sign(signed.encode()))},k={self.public}"

    def _sign(self, text: bytes) -> bytes:
        """Sign as RFC 7518, 3.4: the two numbers one after the other."""
        r, s = decode_dss_signature(self.private.sign(text, ec.ECDSA(SHA256())))
        return r.to_bytes(_NUMBER_BYTES) + s.to_bytes(_NUMBER_BYTES)


def read_or_make(engine: Engine, now_ms: int) -> VapidKey:
    """Give the server's key; whichever program needs it first makes it. Raises SQLAlchemyError."""
    found = _read(engine)
    if found is None:
        made = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
        row = {"name": _SECRET, "value": to_text(made.to_bytes(_NUMBER_BYTES)), "made_at": now_ms}
        with writing(engine) as connection:
            enter_missing(connection, secret, [row])
        # Another program may have been the first.
        found = _read(engine)
    if found is None:
        raise RuntimeError(f"the row '{_SECRET}' of table secret went away")
    return found


def _read(engine: Engine) -> VapidKey | None:
    with engine.connect() as connection:
        value = connection.execute(select(secret.c.value).where(secret.c.name == _SECRET)).scalar()
    if value is None:
        return None
    return VapidKey(ec.derive_private_key(int.from_bytes(from_text(value)), ec.SECP256R1()))


def to_text(data: bytes) -> str:
    """Write bytes as base64url without padding (RFC 7515, 2)."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def from_text(text: str) -> bytes:
    """Read base64url, padded or not; raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _json(value: dict[str, object]) -> str:
    return to_text(json.dumps(value, separators=(",", ":")).encode())
