"""What was carried by hand is known to be stored at the next contact, and hardly sent again."""

import time
from decimal import Decimal
from io import StringIO
from random import Random

import paho.mqtt.client as mqtt
import pytest
from rich.console import Console

from gateway import cli as gateway_cli
from gateway.app import uplink_settings
from gateway.clock import Clock
from gateway.config import load
from gateway.health import Health
from gateway.inventory import InventoryBook
from gateway.outbox import Outbox
from gateway.readings import Observation
from gateway.uplink import Uplink
from server.carry import command
from server.ingest.service import BrokerAddress, IngestService, wall_clock_ms
from server.ledger.tally import read_tallies
from tests.server.carry.factory import GATEWAY

CONFIG = """
[gateway]
id = "kubuqi-dune"
site = "kubuqi-north"
data_dir = "{data_dir}"
[clock]
trust = "assume"
[uplink]
port = {port}
batch_every_s = 60
heartbeat_s = 0.5
[[thing]]
id = "dune-1"
name = "Dune 1"
[[bus]]
id = "sdi"
port = "/dev/null"
protocol = "sdi12"
  [[bus.sensor]]
  id = "soil-10cm"
  thing = "dune-1"
  model = "METER TEROS 12"
  address = "1"
  depth_m = 0.1
"""
SEALED = 300


def until(condition, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        time.sleep(0.05)


@pytest.fixture
def station(tmp_path, mosquitto):
    """A gateway that never had a connection: 300 batches of one reading in its outbox."""
    path = tmp_path / "gateway.toml"
    data = tmp_path / "data"
    data.mkdir()
    path.write_text(CONFIG.format(data_dir=data, port=mosquitto.port))
    clock = Clock("assume")
    with Outbox(data, clock, 60) as outbox:
        outbox._db.execute("PRAGMA synchronous = OFF")
        for number in range(SEALED):
            row = Observation("dune-1/soil-10cm/vwc_raw", clock.mono_ms() + number, Decimal(number))
            outbox.append([row])
            outbox.seal()
    return path


@pytest.fixture
def connect():
    """Have the gateway of a gateway.toml connect; give its outbox."""
    opened = []

    def run(path):
        config, clock = load(path), Clock("assume")
        outbox = Outbox(path.parent / "data", clock, 60)
        book, health = InventoryBook(config, outbox), Health(clock)
        uplink = Uplink(uplink_settings(config, None), outbox, clock, book, health, Random(1))
        uplink.start()
        opened.append((uplink, outbox))
        return outbox

    yield run
    for uplink, outbox in opened:
        uplink.stop()
        outbox.close()


@pytest.fixture
def server(sqlite_engine, mosquitto):
    service = IngestService(
        sqlite_engine, BrokerAddress("127.0.0.1", mosquitto.port), lambda _rows: None
    )
    service.start()
    until(lambda: service.health().connected)
    yield service
    service.stop()


@pytest.fixture
def heard(mosquitto):
    """The batches that went over the broker, by number."""
    seqs = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_message = lambda _c, _u, message: seqs.append(int(message.topic.rpartition("/")[2]))
    client.connect("127.0.0.1", mosquitto.port)
    client.subscribe(f"saxaul/1/{GATEWAY}/batch/+/+", 1)
    client.loop_start()
    yield seqs
    client.disconnect()
    client.loop_stop()
    client.reinitialise()


def test_all_that_was_carried_is_confirmed_at_the_next_contact_and_hardly_any_sent_again(
    station, connect, server, heard, sqlite_engine, tmp_path
):
    stick = tmp_path / "usb"
    stick.mkdir()
    assert gateway_cli.main(["export", "--config", str(station), "--to", str(stick)]) == 0
    console = Console(file=StringIO())
    assert command.run([stick], sqlite_engine, wall_clock_ms, console) == 0
    with sqlite_engine.connect() as connection:
        (tally,) = read_tallies(connection, GATEWAY)
    assert (tally.stored, tally.sealed) == (SEALED, SEALED)

    outbox = connect(station)

    until(lambda: outbox.figures().unconfirmed == 0)
    assert outbox.figures().refused == 0
    assert len(set(heard)) <= 64, heard
