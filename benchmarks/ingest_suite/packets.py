"""The MQTT packets that a simulated gateway sends. Pure.

Source: MQTT 3.1.1 (OASIS), sections 2.2.3 (remaining length), 3.1, 3.3, 3.4 and 3.8.
"""

_QOS_1 = 1
_MAX_PACKET_ID = 65_535


def connect(client_id: str, *, clean_session: bool = True) -> bytes:
    """Open a session, a clean one unless it is to be kept, that stays alive without pings."""
    flags = 0x02 if clean_session else 0x00
    variable = _text("MQTT") + bytes((4, flags)) + (0).to_bytes(2, "big")
    return _packet(0x10, variable + _text(client_id))


def subscribe(topic: str) -> bytes:
    """Subscribe at QoS 1."""
    return _packet(0x82, (1).to_bytes(2, "big") + _text(topic) + bytes((_QOS_1,)))


def publish(topic: str, packet_id: int, payload: bytes, *, retained: bool = False) -> bytes:
    """Publish at QoS 1."""
    head = 0x30 | _QOS_1 << 1 | int(retained)
    return _packet(head, _text(topic) + packet_id.to_bytes(2, "big") + payload)


def puback(packet_id: int) -> bytes:
    """Confirm what was delivered at QoS 1."""
    return _packet(0x40, packet_id.to_bytes(2, "big"))


def packet_id_of(seq: int) -> int:
    """Give a packet id to a batch: never 0 [MQTT-2.3.1-1], and none that is in flight."""
    return seq % _MAX_PACKET_ID + 1


def _packet(head: int, body: bytes) -> bytes:
    size, length = bytearray(), len(body)
    while True:
        length, digit = divmod(length, 128)
        size.append(digit | (0x80 if length else 0))
        if not length:
            return bytes((head,)) + size + body


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data
