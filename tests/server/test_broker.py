"""The embedded broker: it carries what a gateway sends, says why it cannot start, and stops."""

import socket
import threading
import time
from contextlib import ExitStack, suppress

import paho.mqtt.client as mqtt
import pytest

from server.broker import EmbeddedBroker
from server.errors import BrokerError


@pytest.fixture
def broker():
    running = EmbeddedBroker(port=0)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def connect(broker):
    """Connect clients that collect messages by themselves."""
    clients = []

    def make(name, topic=None, **options):
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, **options)
        client.max_inflight_messages_set(64)
        client.got = []
        client.on_message = lambda _client, _userdata, message: client.got.append(message)
        ready = threading.Event()
        client.on_subscribe = lambda *_: ready.set()
        client.on_connect = lambda c, *_: c.subscribe(topic, 1) if topic else ready.set()
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        clients.append(client)
        assert ready.wait(30)
        return client

    yield make
    for client in clients:
        client.disconnect()
        client.loop_stop()
        client.reinitialise()  # closes its sockets now, not when the collector comes


def wait_until(condition, timeout_s=30.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_it_takes_a_free_port_on_loopback_and_tells_it(broker):
    assert broker.port > 0
    with socket.create_connection(("127.0.0.1", broker.port), timeout=5):
        pass


def test_messages_arrive_once_each_and_whole(connect):
    receiver = connect("server", "saxaul/1/+/batch/+/+", clean_session=False)
    sender = connect("gateway")
    payload = bytes(range(256)) * 234  # 60 kB

    for seq in range(1, 201):
        sender.publish(f"saxaul/1/gw-a/batch/a1b2c3d4/{seq}", payload, qos=1)
    wait_until(lambda: len(receiver.got) >= 200)

    assert {int(one.topic.rpartition("/")[2]) for one in receiver.got} == set(range(1, 201))
    assert len(receiver.got) == 200
    assert all(one.payload == payload for one in receiver.got)


def test_what_is_retained_reaches_who_comes_later(connect):
    sender = connect("gateway")
    sender.publish("saxaul/1/gw-a/inventory", b"{}", qos=1, retain=True).wait_for_publish(10)

    late = connect("server", "saxaul/1/+/inventory")
    wait_until(lambda: late.got)

    assert (late.got[0].payload, late.got[0].retain) == (b"{}", True)


def test_a_last_will_is_sent_when_a_gateway_vanishes(connect, broker):
    receiver = connect("server", "saxaul/1/+/status")
    with socket.create_connection(("127.0.0.1", broker.port), timeout=20) as vanishing:
        vanishing.sendall(CONNECT_WITH_WILL)
        assert vanishing.recv(4) == b"\x20\x02\x00\x00"  # CONNACK, accepted
    wait_until(lambda: receiver.got)

    assert (receiver.got[0].topic, receiver.got[0].payload) == ("saxaul/1/gw-a/status", b"gone")


# MQTT 3.1.1, 3.1: CONNECT, clean session, will of QoS 1, keep-alive 60 s, client id "gw".
CONNECT_WITH_WILL = (
    b"\x10\x2a\x00\x04MQTT\x04\x0e\x00\x3c\x00\x02gw\x00\x14saxaul/1/gw-a/status\x00\x04gone"
)


def test_noise_on_the_port_does_not_disturb_the_others(connect, broker):
    receiver = connect("server", "saxaul/1/+/status")
    with socket.create_connection(("127.0.0.1", broker.port), timeout=5) as noisy:
        noisy.sendall(b"GET / HTTP/1.1\r\n\r\n")
    sender = connect("gateway")
    sender.publish("saxaul/1/gw-a/status", b"still here", qos=1)

    wait_until(lambda: receiver.got)


def test_a_busy_port_is_named_with_the_remedy(broker):
    with pytest.raises(BrokerError) as caught:
        EmbeddedBroker(port=broker.port).start()

    assert str(caught.value) == (
        f"the embedded broker cannot listen on 127.0.0.1:{broker.port}: Address already in use; "
        "stop what uses that port, or choose another with mqtt.port"
    )


def test_it_stops_with_clients_connected_and_frees_its_port(connect, broker):
    connect("server", "saxaul/1/+/status")
    port = broker.port

    began = time.monotonic()
    broker.stop()

    assert time.monotonic() - began < 10, "it was waited for to no end"
    again = EmbeddedBroker(port=port)
    again.start()
    again.stop()


def test_stopping_what_never_started_is_no_error():
    EmbeddedBroker(port=0).stop()


@pytest.mark.parametrize("clients", [1, 2, 5])
def test_it_stops_cleanly_while_clients_are_just_connecting(clients):
    """asyncio leaks a socket that is accepted in the moment its server closes: a ResourceWarning."""
    running = EmbeddedBroker(port=0)
    running.start()
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_connection(("127.0.0.1", running.port), 10))
            for _ in range(clients)
        ]

        running.stop()

        for one in sockets:
            # Who was not accepted yet is turned away by the kernel.
            with suppress(ConnectionResetError):
                assert one.recv(1) == b""
