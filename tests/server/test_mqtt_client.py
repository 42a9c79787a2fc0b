"""Messages read from what came at once: as they were sent, wherever the reading was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.mqtt_client import Published, publish_at

TOPIC = b"saxaul/1/gw/status"
# MQTT 3.1.1, 3.3: QoS 1, 25 bytes, the topic with its length, packet id 10, "abc".
MESSAGE = b"\x32\x19\x00\x12" + TOPIC + b"\x00\x0aabc"

messages = st.builds(
    Published,
    topic=st.text(min_size=1, max_size=20).map(str.encode),
    payload=st.binary(max_size=20) | st.binary(min_size=120, max_size=140),
    packet_id=st.none() | st.integers(1, 65_535),
    retained=st.booleans(),
)


def packet(one):
    """Write a message as a broker sends it."""
    body = len(one.topic).to_bytes(2, "big") + one.topic
    if one.packet_id is not None:
        body += one.packet_id.to_bytes(2, "big")
    body += one.payload
    length = (
        bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 + 128, len(body) // 128])
    )
    return bytes([0x30 | (2 if one.packet_id is not None else 0) | one.retained]) + length + body


def test_a_message_is_read_as_the_standard_writes_it():
    assert publish_at(MESSAGE, 0) == (Published(TOPIC, b"abc", 10, retained=False), len(MESSAGE))


@given(st.lists(messages, min_size=1, max_size=4), st.data())
def test_whole_messages_are_read_up_to_the_cut(sent, data):
    stream = b"".join(map(packet, sent))
    cut = data.draw(st.integers(0, len(stream)))
    at, read = 0, []
    while (found := publish_at(stream[:cut], at)) is not None:
        read.append(found[0])
        at = found[1]

    assert read == sent[: len(read)]
    left = packet(sent[len(read)]) if len(read) < len(sent) else b""
    assert cut - at < max(1, len(left))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x40\x02\x00\x0a",  # PUBACK
        b"\x34\x19\x00\x12" + TOPIC + b"\x00\x0aabc",  # QoS 2
        b"\x36\x19\x00\x12" + TOPIC + b"\x00\x0aabc",  # both bits of QoS: malformed
        b"\x32\x05\x00\x12sax",  # the topic is longer than the packet
        b"\x32\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30\x00",  # nothing in it
    ],
)
def test_all_else_is_left_to_paho(data):
    assert publish_at(data, 0) is None
