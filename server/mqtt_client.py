"""paho's client, made to read and to acknowledge many messages at a time.

paho reads a packet by some four calls of the system and acknowledges each by one more, and at every
one of them the other threads of this program may run first: under load it would get through a few
hundred messages a second. Here one call reads what has come, and one sends all acknowledgements.
Of what was read at once, whole messages pass paho by: it takes 20 µs for each.
It leans on three inner parts of paho-mqtt 2, `_sock_recv`, `_packet_queue` and `_in_packet`; the
tests of the consumer fail when those are no longer there.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MessageType, MQTTErrorCode

_READ_BYTES = 256 * 1024
# MQTT 3.1.1, 3.4: PUBACK with its two bytes of packet id behind it.
_PUBACK = bytes((MessageType.PUBACK, 2))
# MQTT 3.1.1, 2.2 and 3.3: the first byte has the type in its upper half, QoS and retain in the
# lower; a length has seven bits a byte, and the uppermost is set in all but its last one.
_TYPE, _QOS, _RETAINED = 0xF0, 0x06, 0x01
_PUBLISH_QOS_1 = 0x02
_MORE, _MOST_LENGTH_BYTES = 0x80, 4


class Published(NamedTuple):
    """A message as the broker sent it; `packet_id` is None for QoS 0, the only one without it."""

    topic: bytes
    payload: bytes
    packet_id: int | None
    retained: bool


class MqttClient(mqtt.Client):
    """A client whose thread is its own; see `paho.mqtt.client.Client`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As paho's."""
        self._take: Callable[[Published], None] | None = None
        self._read = b""
        self._at = 0  # so much of it is taken
        super().__init__(*arguments, **options)

    def deliver_to(self, take: Callable[[Published], None]) -> None:
        """Have messages up to QoS 1 handed on; takes the place of `on_message`."""
        self._take = take
        self.on_message = lambda _client, _userdata, message: take(_published(message))

    def acknowledge(self, packet_ids: Iterable[int]) -> None:
        """Let the broker forget messages of QoS 1, all in one."""
        packets = b"".join([_PUBACK + packet_id.to_bytes(2, "big") for packet_id in packet_ids])
        if packets:
            self._packet_queue(MessageType.PUBACK, packets, 0, 0)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read as paho does, until nothing is left of what was read at once."""
        told, read = super().loop_read(max_packets), self._read
        while told == MQTTErrorCode.MQTT_ERR_SUCCESS and self._at < len(self._read):
            if self._read is not read:  # more was read meanwhile: what is to be sent has its turn
                read = self._read
                told = (self.loop_write() if self.want_write() else told) or self.loop_misc()
            else:
                self._hand_on()
                if self._at < len(self._read):
                    told = super().loop_read(max_packets)
        return told

    def _hand_on(self) -> None:
        """Hand on the messages that come next and are whole; paho takes what follows them."""
        if self._take is None or self._in_packet["command"] != 0:  # paho is in the midst of one
            return
        while (found := publish_at(self._read, self._at)) is not None:
            published, self._at = found
            self._take(published)

    def reconnect(self) -> MQTTErrorCode:
        """Connect anew: what is left of the old connection means nothing on the next."""
        self._read, self._at = b"", 0
        return super().reconnect()

    def _sock_recv(self, bufsize: int) -> bytes:
        """Give what was read at once before anything more is read."""
        if self._at >= len(self._read):
            if bufsize >= _READ_BYTES:
                return super()._sock_recv(bufsize)
            self._read, self._at = super()._sock_recv(_READ_BYTES), 0
        start = self._at
        self._at = min(start + bufsize, len(self._read))
        return self._read[start : self._at]


def _published(message: mqtt.MQTTMessage) -> Published:
    topic = message._topic  # noqa: SLF001 - as it came: it may be no UTF-8
    packet_id = message.mid if message.qos else None
    return Published(topic, bytes(message.payload), packet_id, message.retain)


def publish_at(data: bytes, at: int) -> tuple[Published, int] | None:
    """Read the message that begins at a place, and say where it ends.

    None for what is no message up to QoS 1, or not whole, or not sound.
    """
    head = data[at] if at < len(data) else 0
    qos = head & _QOS
    if head & _TYPE != MessageType.PUBLISH or qos > _PUBLISH_QOS_1:
        return None
    length, start = _length_at(data, at + 1)
    end = start + length
    if not length or end > len(data):
        return None
    topic_at = start + 2
    topic_end = topic_at + int.from_bytes(data[start:topic_at], "big")
    payload_at = topic_end + 2 if qos else topic_end
    if payload_at > end:
        return None
    packet_id = int.from_bytes(data[topic_end:payload_at], "big") if qos else None
    is_retained = bool(head & _RETAINED)
    return Published(data[topic_at:topic_end], data[payload_at:end], packet_id, is_retained), end


def _length_at(data: bytes, at: int) -> tuple[int, int]:
    """Read a packet's length, and say where what it counts begins; 0 for one that is not whole."""
    length = 0
    for place, byte in enumerate(data[at : at + _MOST_LENGTH_BYTES]):
        length |= (byte & ~_MORE) << 7 * place
        if byte < _MORE:
            return length, at + place + 1
    return 0, at
