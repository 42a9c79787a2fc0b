"""One simulated gateway: what it says on its connection, and how long receipts take. No I/O.

As a real one it keeps its session, says how it is when it has connected, sends a batch when one is
due, and sends again whatever has no receipt: on a new connection, when the server asks for it, and
after a while.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos_suite.mqtt_frames import CONNACK, Publish, Splitter
from benchmarks.ingest_suite import packets
from wire import messages, topics
from wire.messages import CommandResult, OutboxFigures, Receipt, Status

_SUBACK = 9
_SUBSCRIPTIONS = 2
_MAX_IN_FLIGHT = 64  # the contract's, in docs/wire.md
# Of no batch: those have fewer numbers here.
_STATUS_PACKET_ID, _RESULT_PACKET_ID = 65_535, 65_534
# As the contract has it, from the first sending on; doubling.
_AGAIN_S = 30.0


@dataclass(slots=True)
class Gateway:
    """A gateway with the payloads it will have to send; batch n is `payloads[n - 1]`.

    `delays` are the seconds from when a batch was due to its receipt, by its number; `again` counts
    batches that were sent once more on the same connection. Instants are seconds on any one
    monotonic clock.
    """

    name: str
    epoch: str
    payloads: Sequence[bytes]
    sealed: int = 0
    confirmed: int = 0
    is_online: bool = False
    delays: dict[int, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    again: int = 0
    _pending: dict[int, float] = field(default_factory=dict)
    _due_s: dict[int, tuple[float, float]] = field(default_factory=dict)
    _answers: int = 0
    _splitter: Splitter = field(default_factory=Splitter)

    @property
    def is_idle(self) -> bool:
        """Tell whether all that was measured has its receipt."""
        return not self._pending

    @property
    def has_more(self) -> bool:
        """Tell whether there is something left to measure."""
        return self.sealed < len(self.payloads)

    def hello(self) -> bytes:
        """Begin a connection."""
        self._splitter = Splitter()
        self.is_online, self._answers = False, 0
        return packets.connect(self.name, clean_session=False)

    def lose(self) -> None:
        """Note that the connection is gone."""
        self.is_online = False

    def measure(self, now_s: float) -> bytes:
        """Seal the next batch; gives what can be sent of it now."""
        if not self.has_more:
            return b""
        self.sealed += 1
        self._pending[self.sealed] = now_s
        return self._send([self.sealed], now_s) if self.is_online else b""

    def overdue(self, now_s: float) -> bytes:
        """Give what is to be sent again: the receipt has been waited for long enough."""
        if not self.is_online:
            return b""
        late = [seq for seq, (due_s, _) in self._due_s.items() if due_s <= now_s]
        self.again += len(late)
        return self._send(late, now_s)

    def beat(self) -> bytes:
        """Say how it is, as far as it can be said now."""
        if not self.is_online:
            return b""
        topic = topics.status(self.name)
        return packets.publish(topic, _STATUS_PACKET_ID, self.status(), retained=True)

    def status(self) -> bytes:
        """Write how it is."""
        waiting = len(self._pending)
        figures = OutboxFigures(epoch=self.epoch, sealed=self.sealed, unconfirmed=waiting)
        status = Status(state="online", software="bench", outbox=[figures], heartbeat_s=60)
        return messages.encode(status)

    def feed(self, data: bytes, now_s: float) -> bytes:
        """Take in what the broker says; gives what is to be answered. Raises ConnectionError."""
        out = bytearray()
        for frame in self._splitter.feed(data):
            if frame.kind == CONNACK:
                if frame.body[1]:
                    raise ConnectionError(f"{self.name} is refused: code {frame.body[1]}")
                out += packets.subscribe(topics.receipt(self.name))
                out += packets.subscribe(topics.command(self.name, "+"))
            elif frame.kind == _SUBACK:
                self._answers += 1
                out += self._begin(now_s) if self._answers == _SUBSCRIPTIONS else b""
            elif (told := frame.publish()) is not None:
                out += packets.puback(told.packet_id) if told.packet_id is not None else b""
                out += self._hear(told, now_s)
        return bytes(out)

    def _begin(self, now_s: float) -> bytes:
        """Say how it is, and send what there is, on a connection that stands."""
        self.is_online = True
        self._due_s.clear()
        return self.beat() + self._send(sorted(self._pending)[:_MAX_IN_FLIGHT], now_s)

    def _hear(self, told: Publish, now_s: float) -> bytes:
        """Take in what the server says; gives the answer."""
        if told.topic == topics.receipt(self.name):
            self._take(messages.decode(told.payload, Receipt), now_s)
            return b""
        waiting = sorted(self._pending)[:_MAX_IN_FLIGHT]
        self.again += len(waiting)
        result = messages.encode(CommandResult(kind="resend", ok=True, again=len(waiting)))
        topic = f"{told.topic}/result"
        return packets.publish(topic, _RESULT_PACKET_ID, result) + self._send(waiting, now_s)

    def _send(self, seqs: Iterable[int], now_s: float) -> bytes:
        out = bytearray()
        for seq in seqs:
            pause_s = 2 * self._due_s[seq][1] if seq in self._due_s else _AGAIN_S
            self._due_s[seq] = (now_s + pause_s, pause_s)
            topic = topics.batch(self.name, self.epoch, seq)
            out += packets.publish(topic, packets.packet_id_of(seq), self.payloads[seq - 1])
        return bytes(out)

    def _take(self, receipt: Receipt, now_s: float) -> None:
        if receipt.epoch != self.epoch:
            return
        for seq in _stored(receipt):
            self._due_s.pop(seq, None)
            due_s = self._pending.pop(seq, None)
            if due_s is not None:
                self.confirmed += 1
                self.delays[seq] = now_s - due_s
        for one in receipt.refused:
            self._due_s.pop(one.seq, None)
            self._pending.pop(one.seq, None)
            self.refused.append(f"{self.name} {one.seq}: {one.reason}")


def _stored(receipt: Receipt) -> Iterator[int]:
    for first, last in receipt.stored:
        yield from range(first, last + 1)
