"""An MQTT connection understood: what is about batches is told, and not a byte is changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chaos_suite.points.events import Event, Way, What
from benchmarks.chaos_suite.points.mqtt import MqttTalk

PEER = "chaos-dune"
BATCH = "saxaul/1/chaos-dune/batch/0123456789abcdef/7"
OTHER = "saxaul/1/chaos-dune/batch/0123456789abcdef/8"
RECEIPT = "saxaul/1/chaos-dune/receipt"
TOLD = b'{"v":1,"epoch":"0123456789abcdef","stored":[[7,8]],"refused":[]}'

# CONNECT of a client "a" with a clean session and a keep-alive of 60 s (3.1).
CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a"
PINGREQ = b"\xc0\x00"


def publish(topic, payload=b"body", packet_id=5):
    body = len(topic).to_bytes(2, "big") + topic.encode() + packet_id.to_bytes(2, "big") + payload
    assert len(body) < 128
    return bytes([0x32, len(body)]) + body


def puback(packet_id=5):
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def told(talk, way, data):
    return [event for _, events in talk.hear(way, data) for event in events]


@pytest.fixture
def talk():
    return MqttTalk(PEER)


def test_a_batch_and_its_answer_are_told(talk):
    assert told(talk, Way.UP, CONNECT + publish(BATCH)) == [
        Event(PEER, What.PUBLISH, Way.UP, (BATCH,))
    ]
    assert told(talk, Way.DOWN, puback()) == [Event(PEER, What.PUBACK, Way.DOWN, (BATCH,))]


def test_an_answer_goes_the_other_way_than_what_it_answers(talk):
    told(talk, Way.UP, publish(BATCH))

    assert told(talk, Way.UP, puback()) == []


def test_the_same_packet_id_may_be_in_use_both_ways(talk):
    told(talk, Way.UP, publish(BATCH))
    told(talk, Way.DOWN, publish(RECEIPT, TOLD))

    assert told(talk, Way.UP, puback()) == [
        Event(PEER, What.RECEIPT_PUBACK, Way.UP, (BATCH, OTHER))
    ]
    assert told(talk, Way.DOWN, puback()) == [Event(PEER, What.PUBACK, Way.DOWN, (BATCH,))]


def test_a_receipt_names_the_batches_it_confirms(talk):
    assert told(talk, Way.DOWN, publish(RECEIPT, TOLD)) == [
        Event(PEER, What.RECEIPT, Way.DOWN, (BATCH, OTHER))
    ]


def test_what_is_not_about_batches_is_not_told(talk):
    status = publish("saxaul/1/chaos-dune/status")

    assert told(talk, Way.UP, CONNECT + status + PINGREQ) == []
    assert told(talk, Way.DOWN, puback()) == []


def test_a_message_without_an_answer_has_no_packet_id(talk):
    body = len(BATCH).to_bytes(2, "big") + BATCH.encode() + b"\x00\x05body"
    told(talk, Way.UP, bytes([0x30, len(body)]) + body)

    assert told(talk, Way.DOWN, puback(5)) == []


def test_a_packet_is_told_when_it_is_complete_and_not_before(talk):
    packet = publish(BATCH)
    pieces = [list(talk.hear(Way.UP, packet[at : at + 1])) for at in range(len(packet))]

    assert pieces[:-1] == [[]] * (len(packet) - 1)
    assert pieces[-1] == [(packet, (Event(PEER, What.PUBLISH, Way.UP, (BATCH,)),))]


def test_what_is_no_mqtt_is_carried_all_the_same(talk):
    nonsense = b"\x10\xff\xff\xff\xff\xff and more"
    carried = b"".join(message for message, _ in talk.hear(Way.UP, nonsense))
    carried += b"".join(message for message, _ in talk.hear(Way.UP, b"again"))

    assert carried + talk.rest(Way.UP) == nonsense + b"again"


PACKETS = st.sampled_from([CONNECT, PINGREQ, publish(BATCH), publish(OTHER, TOLD), puback()])


@given(st.lists(PACKETS), st.lists(st.integers(1, 40)), st.binary(max_size=1))
def test_whatever_pieces_the_bytes_come_in_the_same_bytes_pass(packets, sizes, begun):
    talk, data = MqttTalk(PEER), b"".join(packets) + begun
    passed, at = [], 0
    for size in [*sizes, len(data)]:
        passed += [message for message, _ in talk.hear(Way.UP, data[at : at + size])]
        at += size

    assert passed == packets
    assert talk.rest(Way.UP) == begun
