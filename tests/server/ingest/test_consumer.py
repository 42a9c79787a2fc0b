"""The consumer and a real Mosquitto: sessions, acknowledgements, refusals."""

import socket
import threading

import pytest

from server.errors import BrokerError
from server.ingest.consumer import BrokerAddress, Consumer
from server.ingest.events import Delivery

STATUS = "saxaul/1/kubuqi-dune/status"


@pytest.fixture
def consume(mosquitto, wait_until):
    """Start consumers that collect messages; each is stopped after the test."""
    running = []

    def start(**changes):
        got = []
        broker = BrokerAddress(**({"host": "127.0.0.1", "port": mosquitto.port} | changes))
        consumer = Consumer(broker, got.append, lambda: 1000)
        consumer.start()
        running.append(consumer)
        return consumer, got

    yield start
    for consumer in running:
        consumer.stop()


def test_a_message_arrives_with_its_bytes_and_its_time(consume, gateway, station, wait_until):
    consumer, got = consume()
    wait_until(lambda: consumer.is_connected)

    gateway.send(station.message(STATUS, b"\x00\xff"))
    wait_until(lambda: got)

    assert (got[0].topic, got[0].payload, got[0].received_at, got[0].retained) == (
        STATUS,
        b"\x00\xff",
        1000,
        False,
    )
    assert consumer.error == ""


def test_what_is_retained_says_so(consume, gateway, station, wait_until):
    gateway.send(station.message(STATUS, b"old"), retain=True)
    _, got = consume()
    wait_until(lambda: got)

    assert got[0].retained


def test_what_was_not_acknowledged_comes_again_and_what_was_does_not(
    consume, gateway, station, wait_until
):
    consumer, got = consume()
    wait_until(lambda: consumer.is_connected)
    gateway.send(station.message(STATUS, b"one"), station.message(STATUS, b"two"))
    wait_until(lambda: len(got) == 2)
    consumer.acknowledge([got[0].delivery])
    gateway.send(station.message(STATUS, b"three"))
    wait_until(lambda: len(got) == 3)
    consumer.stop()

    _, again = consume()
    wait_until(lambda: len(again) == 2)
    assert [one.payload for one in again] == [b"two", b"three"]


def test_a_delivery_of_an_earlier_connection_is_not_acknowledged(
    consume, gateway, station, wait_until
):
    """Its packet id may by now be that of a message that is not committed yet."""
    consumer, got = consume()
    wait_until(lambda: consumer.is_connected)
    gateway.send(station.message(STATUS, b"one"))
    wait_until(lambda: got)
    stale = Delivery(got[0].delivery.connection - 1, got[0].delivery.packet_id)

    consumer.acknowledge([stale])
    consumer.stop()

    _, again = consume()
    wait_until(lambda: again)
    assert again[0].payload == b"one"


def test_a_broker_that_is_not_there_is_named(consume, unused_tcp_port, wait_until):
    consumer, _ = consume(port=unused_tcp_port)
    wait_until(lambda: "nothing answers" in consumer.error)

    assert consumer.error == f"broker 127.0.0.1:{unused_tcp_port}: nothing answers there"
    assert not consumer.is_connected


def test_a_password_does_not_show_in_the_address():
    assert "tops3cret" not in repr(BrokerAddress("db", 1883, "saxaul", "tops3cret"))


@pytest.mark.parametrize("text", [None, "this is no certificate"])
def test_a_certificate_authority_that_cannot_be_used_is_named(tmp_path, text):
    path = tmp_path / "ca.pem"
    if text:
        path.write_text(text)
    broker = BrokerAddress("127.0.0.1", 8883, tls=True, ca_file=str(path))

    with pytest.raises(
        BrokerError, match=r"certificate authority '.*ca\.pem' cannot be used: .*; "
    ):
        Consumer(broker, lambda _message: None, lambda: 0)


@pytest.fixture
def heard():
    """What a scripted broker was sent, packet by packet."""
    return []


@pytest.fixture
def scripted_broker(heard):
    """A broker that answers each packet of one client with the bytes next in its script."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(script):
            def run():
                with listener.accept()[0] as client:
                    for answer in script:
                        heard.append(client.recv(1000))
                        client.sendall(answer)
                    while packet := client.recv(1000):
                        heard.append(packet)

            threading.Thread(target=run, daemon=True).start()
            return listener.getsockname()[1]

        yield serve


@pytest.mark.parametrize(
    ("script", "error"),
    [
        # MQTT 3.1.1, 3.2.2.3: CONNACK, return code 5.
        ([b"\x20\x02\x00\x05"], "the broker refuses us: Not authorized"),
        # 3.9.3: SUBACK of packet 1; the second of three filters failed.
        ([b"\x20\x02\x00\x00", b"\x90\x05\x00\x01\x01\x80\x01"], "does not let us read"),
    ],
)
def test_a_broker_that_refuses_is_quoted(consume, scripted_broker, wait_until, script, error):
    consumer, _ = consume(port=scripted_broker(script))

    wait_until(lambda: error in consumer.error)
    assert not consumer.is_connected


# MQTT 3.1.1, 3.3: PUBLISH with QoS 1, packet id 7; 3.4: its PUBACK.
PUBLISH_7 = b"\x32\x21\x00\x1bsaxaul/1/kubuqi-dune/status\x00\x07hi"
PUBACK_7 = b"\x40\x02\x00\x07"


def test_what_a_kept_session_delivers_before_the_subscription_stands_is_acknowledged(
    consume, scripted_broker, heard, wait_until
):
    """Left unacknowledged, it would hold up the rest until the next reconnect."""
    consumer, got = consume(port=scripted_broker([b"\x20\x02\x01\x00" + PUBLISH_7]))
    wait_until(lambda: got)

    consumer.acknowledge([got[0].delivery])

    wait_until(lambda: PUBACK_7 in b"".join(heard))
    assert not consumer.is_connected  # no SUBACK yet


def test_a_delivery_of_a_connection_that_ended_is_not_acknowledged(
    consume, scripted_broker, wait_until
):
    """The acknowledgement would wait in the client and go out on the next connection."""
    bye = b"\x20\x02\x01\x00" + PUBLISH_7 + b"\xf0\x00"  # 2.2.1: packet type 15 is forbidden
    consumer, got = consume(port=scripted_broker([bye]))
    wait_until(lambda: got)
    ended = threading.Event()
    consumer._client.acknowledge = lambda ids: ids and ended.set()
    wait_until(lambda: not consumer._client.is_connected())

    consumer.acknowledge([got[0].delivery])

    assert not ended.is_set()


def test_a_broker_that_knows_no_session_of_ours_is_noted_once(consume, mosquitto, wait_until):
    """At the first contact and after a wipe; not when the session was kept."""

    def connected():
        consumer, _ = consume()
        wait_until(lambda: consumer.is_connected)
        return consumer

    first = connected()
    wait_until(first.take_new_session)  # told right after it is connected
    news = [True, first.take_new_session()]
    first.stop()
    second = connected()
    news.append(second.take_new_session())
    mosquitto.kill()
    for file in mosquitto.folder.glob("mosquitto.db*"):
        file.unlink()
    wait_until(lambda: not second.is_connected)
    mosquitto.start()
    wait_until(second.take_new_session)
    news.append(True)

    assert news == [True, False, False, True]


def test_messages_arrive_whole_however_they_are_cut(consume, wait_until):
    """What was read at once may end anywhere in a packet."""
    stream = b"\x20\x02\x01\x00" + PUBLISH_7 * 3
    with socket.create_server(("127.0.0.1", 0)) as listener:
        _, got = consume(port=listener.getsockname()[1])
        with listener.accept()[0] as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(stream)):
                client.sendall(stream[at : at + 1])
            wait_until(lambda: len(got) == 3)

    assert {one.payload for one in got} == {b"hi"}


def test_many_acknowledgements_go_out_as_one(consume, scripted_broker, heard, wait_until):
    consumer, got = consume(port=scripted_broker([b"\x20\x02\x01\x00" + PUBLISH_7 * 3]))
    wait_until(lambda: len(got) == 3)

    consumer.acknowledge([one.delivery for one in got])

    wait_until(lambda: any(PUBACK_7 * 3 in one for one in heard))


def test_what_comes_at_once_arrives_whole_and_in_its_order(consume, gateway, station, wait_until):
    """More than is read at once, and messages that lie across where the reading was cut."""
    away, _ = consume()
    wait_until(lambda: away.is_connected)
    away.stop()  # the broker keeps what comes now, and sends it in one go
    sizes = [0, 1, 200, 100_000, 7, 130_000, 60_000, 40, 90_000, 3]
    sent = [station.message(STATUS, bytes([at]) * size) for at, size in enumerate(sizes)]
    gateway.send(*sent)

    consumer, got = consume()
    wait_until(lambda: len(got) == len(sent))
    consumer.acknowledge([one.delivery for one in got])

    assert [one.payload for one in got] == [one.payload for one in sent]
    assert len({one.delivery.packet_id for one in got}) == len(sent)
