"""MQTT control packets cut out of a stream of bytes, as far as a bench must know them. Pure.

Source: MQTT 3.1.1 (OASIS), sections 2.2 (fixed header), 3.3 (PUBLISH), 3.4 (PUBACK).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, DISCONNECT = 8, 14

_MAX_LENGTH_BYTES = 4
_DUP = 0x08


class Publish(NamedTuple):
    """What a PUBLISH carries; `packet_id` is None at QoS 0."""

    topic: str
    qos: int
    packet_id: int | None
    payload: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One control packet, with its fixed header."""

    data: bytes
    body_at: int

    @property
    def kind(self) -> int:
        """Type of control packet (2.2.1)."""
        return self.data[0] >> 4

    @property
    def body(self) -> bytes:
        """All behind the fixed header."""
        return self.data[self.body_at :]

    def publish(self) -> Publish | None:
        """Read a PUBLISH; None for anything else, and for what is broken."""
        if self.kind != PUBLISH:
            return None
        body, qos = self.body, self.data[0] >> 1 & 3
        end = 2 + int.from_bytes(body[:2], "big")
        topic = body[2:end].decode("utf-8", "replace")
        if not qos:
            return Publish(topic, qos, None, body[end:])
        return Publish(topic, qos, int.from_bytes(body[end : end + 2], "big"), body[end + 2 :])

    def packet_id(self) -> int | None:
        """Tell which packet a PUBACK answers; None for anything else."""
        return int.from_bytes(self.body[:2], "big") if self.kind == PUBACK else None

    def again(self) -> "Frame":
        """Give the same PUBLISH, marked as sent once more (3.3.1.1)."""
        return Frame(bytes((self.data[0] | _DUP,)) + self.data[1:], self.body_at)


class Splitter:
    """Takes bytes as they come, gives whole packets."""

    def __init__(self) -> None:
        """Start at the beginning of a connection."""
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Give the packets that are complete now."""
        self._waiting += data
        while (frame := self._take()) is not None:
            yield frame

    def rest(self) -> bytes:
        """Give what is not complete yet."""
        return bytes(self._waiting)

    def _take(self) -> Frame | None:
        size = 0
        for index in range(_MAX_LENGTH_BYTES):
            if index + 1 >= len(self._waiting):
                return None
            byte = self._waiting[index + 1]
            size |= (byte & 0x7F) << 7 * index
            if not byte & 0x80:
                body_at = index + 2
                break
        else:
            raise ValueError("no MQTT: the length of a packet takes more than four bytes")
        end = body_at + size
        if len(self._waiting) < end:
            return None
        frame = Frame(bytes(self._waiting[:end]), body_at)
        del self._waiting[:end]
        return frame
