"""One simulated gateway: which batches it may send now, and what receipts say of them. No I/O.

As the contract has it, at most 64 batches are in flight, and a receipt makes room for the next.
A gateway begins with a few and doubles them whenever a receipt confirms all that it has sent: then
it was the gateway that was waited for. So the server is kept busy without a queue of minutes
before it. It does not send again: what gets lost is to be seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos_suite.mqtt_frames import Splitter
from benchmarks.ingest_suite import packets
from wire import messages, topics
from wire.messages import Receipt

MAX_IN_FLIGHT = 64  # the contract's, in docs/wire.md


@dataclass(slots=True)
class Sender:
    """A gateway with the payloads it has to send; batch n is `payloads[n - 1]`."""

    gateway: str
    epoch: str
    payloads: Sequence[bytes]
    window: int
    sent: int = 0
    confirmed: int = 0
    refused: list[str] = field(default_factory=list)
    _in_flight: set[int] = field(default_factory=set)
    _splitter: Splitter = field(default_factory=Splitter)

    @property
    def is_idle(self) -> bool:
        """Tell whether all that was sent is confirmed or refused."""
        return not self._in_flight

    def due(self) -> bytes:
        """Give the packets that may be sent now."""
        out = bytearray()
        while len(self._in_flight) < self.window and self.sent < len(self.payloads):
            self.sent += 1
            self._in_flight.add(self.sent)
            topic = topics.batch(self.gateway, self.epoch, self.sent)
            packet_id = packets.packet_id_of(self.sent)
            out += packets.publish(topic, packet_id, self.payloads[self.sent - 1])
        return bytes(out)

    def feed(self, data: bytes) -> bytes:
        """Take in what the broker says; gives what is to be answered to it."""
        out = bytearray()
        for frame in self._splitter.feed(data):
            told = frame.publish()
            if told is None:
                continue
            self._take(messages.decode(told.payload, Receipt))
            if told.packet_id is not None:
                out += packets.puback(told.packet_id)
        return bytes(out)

    def _take(self, receipt: Receipt) -> None:
        if receipt.epoch != self.epoch:
            return
        before = len(self._in_flight)
        self._in_flight.difference_update(_seqs(receipt))
        self.confirmed += before - len(self._in_flight)
        for one in receipt.refused:
            self.refused.append(f"{self.gateway} {one.seq}: {one.reason}")
            self._in_flight.discard(one.seq)
        if before and not self._in_flight:
            self.window = min(MAX_IN_FLIGHT, 2 * self.window)


def _seqs(receipt: Receipt) -> Iterator[int]:
    for first, last in receipt.stored:
        yield from range(first, last + 1)
