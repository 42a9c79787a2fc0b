"""Encrypts a message for one browser: RFC 8291, which fills in the keys of RFC 8188 (aes128gcm).

The push service hands the message on and cannot read it. What is random is an argument.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

POINT_BYTES = 65  # a point of P-256, uncompressed (X9.62): 4, x, y
AUTH_BYTES = 16  # RFC 8291, 3.2
_SALT_BYTES = 16
# A push service takes 4096 bytes at least (RFC 8030, 7.2): all of it is one record.
_RECORD_BYTES = 4096
_HEADER_BYTES = _SALT_BYTES + 4 + 1 + POINT_BYTES
_TAG_BYTES = 16
MOST_BYTES = _RECORD_BYTES - _HEADER_BYTES - _TAG_BYTES - 1
_LAST_RECORD = b"\x02"  # RFC 8188, 2: what ends the text of the last record


@dataclass(frozen=True, slots=True)
class Chance:
    """What is new for each message: a key pair and 16 bytes."""

    key: ec.EllipticCurvePrivateKey
    salt: bytes


def encrypt(text: bytes, receiver: bytes, auth: bytes, chance: Chance) -> bytes:
    """Give the body of the request; `receiver` is the browser's point, `auth` its secret.

    Raises ValueError for a text over MOST_BYTES and for a receiver that is no point of P-256.
    """
    if len(text) > MOST_BYTES:
        raise ValueError(f"{len(text)} bytes do not fit into one message of {MOST_BYTES}")
    sender = point_of(chance.key.public_key())
    shared = chance.key.exchange(ec.ECDH(), read_point(receiver))
    # RFC 8291, 3.4: the browser's secret goes in, so that the push service cannot take its place.
    secret = _derived(auth, shared, b"WebPush: info\0" + receiver + sender, 32)
    key = _derived(chance.salt, secret, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(chance.salt, secret, b"Content-Encoding: nonce\0", 12)
    header = chance.salt + _RECORD_BYTES.to_bytes(4) + bytes([POINT_BYTES]) + sender
    # Of the first record the nonce is used as it is (RFC 8188, 2.3).
    return header + AESGCM(key).encrypt(nonce, text + _LAST_RECORD, None)


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """Write a public key as browsers do."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def read_point(point: bytes) -> ec.EllipticCurvePublicKey:
    """Read a public key; raises ValueError for what is no point of P-256."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def _derived(salt: bytes, secret: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, purpose).derive(secret)
