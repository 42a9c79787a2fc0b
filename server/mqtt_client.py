"""paho's client, made to read and to acknowledge many messages at a time.

paho reads a packet by some four calls of the system and acknowledges each by one more, and at every
one of them the other threads of this program may run first: under load it would get through a few
hundred messages a second. Here one call reads what has come, and one sends all acknowledgements.
It leans on two inner methods of paho-mqtt 2, `_sock_recv` and `_packet_queue`; the tests of the
consumer fail when those are no longer there.
"""

from collections.abc import Iterable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MessageType, MQTTErrorCode

_READ_BYTES = 256 * 1024
# MQTT 3.1.1, 3.4: PUBACK with its two bytes of packet id behind it.
_PUBACK = bytes((MessageType.PUBACK, 2))


class MqttClient(mqtt.Client):
    """A client whose thread is its own; see `paho.mqtt.client.Client`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As paho's."""
        self._read = b""
        self._at = 0  # so much of it paho has taken
        super().__init__(*arguments, **options)

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
                told = super().loop_read(max_packets)
        return told

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
