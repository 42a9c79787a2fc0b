"""The link that knows MQTT: delivers twice and out of order, and loses nothing."""

import asyncio
from random import Random

import pytest

from benchmarks.chaos_suite.faults.disorder import MqttLine
from benchmarks.chaos_suite.mqtt_frames import PUBLISH, Splitter

DISCONNECT = b"\xe0\x00"
COUNT = 60


def publish(packet_id):
    """Make a PUBLISH, QoS 1, to "t"; MQTT 3.1.1, 3.3."""
    return b"\x32\x06\x00\x01t" + packet_id.to_bytes(2, "big") + b"x"


class Broker:
    """Takes messages and answers each; remembers in which order it was told what."""

    def __init__(self):
        self.heard = []

    async def serve(self, reader, writer):
        splitter = Splitter()
        while data := await reader.read(4096):
            for frame in splitter.feed(data):
                self.heard.append(frame)
                if frame.kind == PUBLISH:
                    writer.write(b"\x40\x02" + frame.publish().packet_id.to_bytes(2, "big"))
        await ended(writer)


async def ended(writer):
    writer.close()
    await writer.wait_closed()


async def talk(seed, messages):
    """Send messages over a link, in disorder unless `seed` is None; give all that was seen."""
    broker, seen = Broker(), []
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    line = MqttLine(server.sockets[0].getsockname()[1], seen.append)
    port = await line.listen()
    if seed is not None:
        line.disorder(Random(seed))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for one in messages:
        writer.write(one)
        await writer.drain()
        await asyncio.sleep(0.001)
    answers = Splitter()
    taken = [frame.packet_id() for frame in answers.feed(await _all(reader, writer))]
    await ended(writer)
    await line.close()
    server.close()
    await server.wait_closed()
    await asyncio.sleep(0)
    return broker.heard, taken, seen


async def _all(reader, writer):
    data = b""
    while len(data) < COUNT * 4:
        data += await asyncio.wait_for(reader.read(4096), 10)
    await asyncio.sleep(0.3)
    writer.write(DISCONNECT)
    writer.write_eof()
    return data + await asyncio.wait_for(reader.read(), 10)


def run(seed):
    return asyncio.run(talk(seed, [publish(one) for one in range(1, COUNT + 1)]))


def ids(heard):
    return [frame.publish().packet_id for frame in heard if frame.kind == PUBLISH]


def test_without_disorder_all_passes_as_it_comes():
    heard, taken, seen = run(None)

    assert ids(heard) == taken == [one.packet_id for one in seen] == list(range(1, COUNT + 1))


@pytest.fixture(scope="module")
def disordered():
    return run(7)


def test_everything_arrives_and_some_of_it_twice_and_marked(disordered):
    heard, _, _ = disordered
    found = ids(heard)
    again = [frame for frame in heard if frame.kind == PUBLISH and frame.data[0] & 0x08]

    assert set(found) == set(range(1, COUNT + 1))
    assert len(found) - COUNT == len(again) > COUNT // 5


def test_neighbours_change_places(disordered):
    heard, _, _ = disordered
    firsts = list(dict.fromkeys(ids(heard)))

    assert firsts != sorted(firsts)
    assert all(abs(packet_id - place) <= 2 for place, packet_id in enumerate(firsts, start=1))


def test_the_sender_gets_one_answer_for_each(disordered):
    _, taken, _ = disordered

    assert sorted(taken) == list(range(1, COUNT + 1))


def test_the_end_of_a_connection_keeps_its_place(disordered):
    heard, _, _ = disordered

    assert heard[-1].data == DISCONNECT


def test_what_the_client_publishes_is_shown_once(disordered):
    _, _, seen = disordered

    assert [one.packet_id for one in seen] == list(range(1, COUNT + 1))
