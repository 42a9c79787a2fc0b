"""MQTT packets: found in a stream however it is cut, and read as far as a bench needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chaos_suite.mqtt_frames import PUBACK, PUBLISH, Publish, Splitter

# MQTT 3.1.1, 3.3: QoS 1, topic "a/b", packet id 10, payload "hi".
HELLO = b"\x32\x09\x00\x03a/b\x00\x0ahi"
# 3.4: answers packet 10.
TAKEN = b"\x40\x02\x00\x0a"
# 3.12: no body at all.
PING = b"\xc0\x00"
# 3.3, QoS 0, and a length of two bytes: 5 + 200 = 205 = 0x4d + 1 * 128.
LONG = b"\x30\xcd\x01\x00\x03a/b" + bytes(200)


def test_a_publish_is_read():
    (frame,) = Splitter().feed(HELLO)

    assert frame.kind == PUBLISH
    assert frame.publish() == Publish("a/b", 1, 10, b"hi")
    assert frame.packet_id() is None


def test_a_publish_without_acknowledgement_has_no_packet_id():
    (frame,) = Splitter().feed(LONG)

    assert frame.publish() == Publish("a/b", 0, None, bytes(200))


def test_a_puback_names_its_packet():
    (frame,) = Splitter().feed(TAKEN)

    assert (frame.kind, frame.packet_id(), frame.publish()) == (PUBACK, 10, None)


def test_a_message_sent_again_differs_in_the_dup_bit_only():
    (frame,) = Splitter().feed(HELLO)

    assert frame.again().data == b"\x3a" + HELLO[1:]


@given(st.lists(st.sampled_from([HELLO, TAKEN, PING, LONG])), st.integers(1, 50))
def test_packets_are_found_however_the_stream_is_cut(packets, size):
    splitter, stream = Splitter(), b"".join(packets)
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]

    assert [frame.data for piece in pieces for frame in splitter.feed(piece)] == packets


def test_a_length_of_five_bytes_is_no_mqtt():
    with pytest.raises(ValueError, match="no MQTT"):
        list(Splitter().feed(b"\x30\xff\xff\xff\xff\x01"))
