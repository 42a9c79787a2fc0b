"""What the station tells the one that holds it to account: JSON lines, in the order of events."""

from decimal import Decimal

import msgspec


class Said(msgspec.Struct, frozen=True, tag="said", gc=False):
    """An answer, or a talker's line, that the gateway was given whole; at ms since the epoch."""

    at_ms: int
    device: str
    values: dict[str, Decimal]
    reasons: dict[str, str]


class Sealed(msgspec.Struct, frozen=True, tag="sealed", gc=False):
    """A batch as it would go to the server."""

    payload: bytes


class Turned(msgspec.Struct, frozen=True, tag="turned", gc=False):
    """How far the station is, and what its process takes: memory, and the gateway's processor."""

    at_ms: int
    rss_mb: float
    cpu_s: float


Event = Said | Sealed | Turned
