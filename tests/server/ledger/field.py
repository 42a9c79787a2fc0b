"""A gateway with a real outbox and uplink, and what stands on the wire between it and a server."""

import threading
import time
from decimal import Decimal
from random import Random

import paho.mqtt.client as mqtt

from gateway.app import uplink_settings
from gateway.clock import Clock
from gateway.config import load
from gateway.health import Health
from gateway.inventory import InventoryBook
from gateway.outbox import Outbox
from gateway.uplink import Uplink
from wire import messages, topics
from wire.batch import Sample

GATEWAY = "kubuqi-dune"
NAME = "dune-1/soil-10cm/vwc_raw"
START_MS = 1_767_225_600_000
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
heartbeat_s = {heartbeat_s}
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
  serial = "T12-00001"
  interval_s = 10
"""


def until(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        time.sleep(0.02)


class Field:
    """A gateway that seals one reading a batch, and may be connected and cut off."""

    def __init__(self, folder, port, heartbeat_s=60):
        folder.mkdir(exist_ok=True)
        path = folder / "gateway.toml"
        path.write_text(CONFIG.format(data_dir=folder, port=port, heartbeat_s=heartbeat_s))
        self.config, self.clock = load(path), Clock("assume")
        self.outbox = Outbox(folder, self.clock, 60)
        self.book = InventoryBook(self.config, self.outbox)
        self._uplink = None

    def measure(self, *values):
        """Put each value into a batch of its own, a minute apart."""
        for value in values:
            self.outbox.append_stamped([(NAME, Sample(START_MS + value * 60_000, Decimal(value)))])
            self.outbox.seal()

    def connect(self):
        settings, health = uplink_settings(self.config, None), Health(self.clock)
        rng = Random(1)
        self._uplink = Uplink(settings, self.outbox, self.clock, self.book, health, rng)
        self._uplink.start()

    def cut_off(self):
        if self._uplink is not None:
            self._uplink.stop()
            self._uplink = None

    @property
    def is_acknowledged(self):
        """Tell whether the broker has acknowledged whatever it was sent."""
        return not self._uplink._window.wire_bytes

    @property
    def unconfirmed(self):
        return self.outbox.figures().unconfirmed

    def batch(self, seq):
        """The payload of a batch with its topic, as it would go out."""
        return topics.batch(GATEWAY, self.outbox.epoch, seq), self.outbox.payload(seq)

    def inventory(self):
        return topics.inventory(GATEWAY), messages.encode(self.book.current())

    def close(self):
        self.cut_off()
        self.outbox.close()


class Spy:
    """Hears every message at a broker, as one more subscriber."""

    def __init__(self, port):
        self.heard = []
        self._ready = threading.Event()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _c, _u, one: self.heard.append((one.topic, one.payload))
        self._client.on_connect = lambda client, *_: client.subscribe("saxaul/#", 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(30)

    def seqs(self):
        """The numbers of the batches that were published, in order."""
        parts = [topic.split("/") for topic, _ in tuple(self.heard)]
        return [int(one[5]) for one in parts if one[3] == "batch"]

    def commands(self):
        found = [(topic, body) for topic, body in tuple(self.heard) if "/command/" in topic]
        return [
            messages.decode(body, messages.Command)
            for topic, body in found
            if not topic.endswith("/result")
        ]

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()
        self._client.reinitialise()
