"""Publishes by hand, straight to the broker: what no gateway would send."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.chaos_suite.faults.hostile import Message, Victim
from wire import batch as codec

_CONFIRMED = "SELECT seq, body FROM batch JOIN payload USING (seq) WHERE state = 'stored'"


def read_victim(gateway: str, path: Path) -> Victim | None:
    """Learn from a gateway's outbox, also while it runs; None while that cannot be read."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=0.2)) as db:
            ((epoch,),) = db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchall()
            confirmed = [(seq, bytes(body)) for seq, body in db.execute(_CONFIRMED)]
    except (sqlite3.Error, ValueError):
        return None
    bodies = [body for _, body in confirmed]
    names = sorted({one.name for body in bodies for one in codec.decode(body).series})
    return Victim(gateway, epoch, names, confirmed)


class Hand:
    """A client of its own that comes back by itself. `delivered` counts what the broker took."""

    def __init__(self, port: int) -> None:
        """Nothing is opened yet."""
        self.delivered = 0
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="by-hand")
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_timeout = 2.0
        self._client.on_publish = self._count
        self._port = port

    def start(self) -> Self:
        """Connect in the background."""
        self._client.connect_async("127.0.0.1", self._port)
        self._client.loop_start()
        return self

    def publish(self, messages: Iterable[Message]) -> None:
        """Hand messages over, QoS 1; returns at once."""
        for one in messages:
            self._client.publish(one.topic, one.payload, qos=1)

    def close(self) -> None:
        """Say goodbye; what was not delivered is dropped."""
        self._client.disconnect()
        self._client.loop_stop()

    def _count(self, *_: object) -> None:
        self.delivered += 1
