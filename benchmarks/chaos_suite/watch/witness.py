"""Sees every batch that a gateway seals, so that none can vanish without being missed.

A gateway may rightly remove a confirmed batch, for age or for room. Two views together see all: its
outbox file, looked at again and again, and what it publishes.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos_suite.mqtt_frames import Publish
from wire import topics
from wire.errors import ContractError

_EPOCH = "SELECT value FROM meta WHERE key = 'epoch'"
_NEW = "SELECT seq, body FROM payload WHERE seq > ? ORDER BY seq"

Batches = Mapping[int, bytes]


@dataclass(slots=True)
class Witness:
    """All that was seen: per gateway and epoch, the bytes of each batch. `note` is thread-safe.

    `heard` counts what each gateway has published, whatever it was.
    """

    complaints: list[str] = field(default_factory=list)
    heard: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _seen: dict[tuple[str, str], dict[int, bytes]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _looked_up_to: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def look(self, gateway: str, path: Path) -> None:
        """Take in what is new in an outbox file; one that cannot be read now is left for later."""
        uri = f"{path.absolute().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=0.1)) as db:
                ((epoch,),) = db.execute(_EPOCH).fetchall()
                rows = db.execute(_NEW, (self._looked_up_to[epoch],)).fetchall()
        except (sqlite3.Error, ValueError):
            return
        for seq, body in rows:
            self._note(gateway, epoch, seq, bytes(body))
            self._looked_up_to[epoch] = seq

    def note(self, gateway: str, published: Publish) -> None:
        """Take in what a gateway publishes, if it is a batch."""
        self.heard[gateway] += 1
        try:
            address = topics.parse_up(published.topic)
        except ContractError:
            return
        if isinstance(address, topics.BatchTopic) and address.gateway == gateway:
            self._note(gateway, address.epoch, address.seq, published.payload)

    def batches(self, gateway: str) -> Mapping[str, Batches]:
        """Give all batches of a gateway, by epoch."""
        seen = list(self._seen.items())
        return {epoch: dict(batches) for (owner, epoch), batches in seen if owner == gateway}

    def _note(self, gateway: str, epoch: str, seq: int, body: bytes) -> None:
        before = self._seen[gateway, epoch].setdefault(seq, body)
        if before != body:
            self.complaints.append(f"{gateway} changed batch {seq} of {epoch} after it was sealed")
