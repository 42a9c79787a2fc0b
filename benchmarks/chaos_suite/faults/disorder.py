"""An MQTT link that sees what is published, and can deliver it twice and in another order."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from benchmarks.chaos_suite.mqtt_frames import Frame, Publish, Splitter
from benchmarks.chaos_suite.proxy import Line, Way

_READ_BYTES = 4096
# The share of messages that is sent twice, and the share that is overtaken by the next one.
_TWICE, _OVERTAKEN = 0.4, 0.4
# No message is held for longer than this when no other comes to overtake it.
_HOLD_S = 0.2

Tap = Callable[[Publish], None]


@dataclass(slots=True)
class _Direction:
    """One direction of a connection. `surplus`: how many PUBACKs too many each packet will get."""

    surplus: Counter[int] = field(default_factory=Counter)
    held: Frame | None = None


class MqttLine(Line):
    """A link that knows packets. `tap` is shown each PUBLISH of its clients, in the proxy's thread.

    Only QoS 1 messages are sent twice, marked as such, with the same packet id; of the PUBACKs the
    sender gets the last. Everything but messages keeps its place.
    """

    def __init__(self, upstream_port: int, tap: Tap = lambda _: None) -> None:
        """Prepare; nothing is opened yet."""
        super().__init__(upstream_port)
        self._tap = tap
        self._rng: Random | None = None

    def disorder(self, rng: Random) -> None:
        """Deliver twice and out of order from now on, on connections that stand and new ones."""
        self.heal()
        self._rng = rng

    def heal(self) -> None:
        """Let everything pass as it comes."""
        super().heal()
        self._rng = None

    def _ways(self, up: Way, down: Way) -> Sequence[Coroutine[Any, Any, None]]:
        there, back = _Direction(), _Direction()
        return (
            self._relay_packets(up, there, back, self._tap),
            self._relay_packets(down, back, there, lambda _: None),
        )

    async def _relay_packets(self, way: Way, own: _Direction, other: _Direction, tap: Tap) -> None:
        reader, writer = way
        splitter = Splitter()
        while (data := await self._read(reader, own)) != b"":
            if data is None:
                await self._write(writer, _released(own))
                continue
            await self._passage(len(data))
            for frame in splitter.feed(data):
                await self._write(writer, self._arranged(frame, own, other))
                if (published := frame.publish()) is not None:
                    tap(published)
        await self._write(writer, _released(own))
        await self._end(writer)

    async def _read(self, reader: asyncio.StreamReader, own: _Direction) -> bytes | None:
        """Read on; None when a message that is held must wait no longer."""
        if own.held is None:
            return await reader.read(_READ_BYTES)
        try:
            return await asyncio.wait_for(reader.read(_READ_BYTES), _HOLD_S)
        except TimeoutError:
            return None

    async def _write(self, writer: asyncio.StreamWriter, frames: Sequence[Frame]) -> None:
        for frame in frames:
            writer.write(frame.data)
        if frames:
            await writer.drain()

    def _arranged(self, frame: Frame, own: _Direction, other: _Direction) -> Sequence[Frame]:
        """Say what goes out now that a packet has come."""
        published = frame.publish()
        if published is None:
            if _is_surplus(frame, other):
                return _released(own)
            return [*_released(own), frame]
        if self._rng is None or published.packet_id is None:
            return [*_released(own), frame]
        out = [frame]
        if self._rng.random() < _TWICE:
            own.surplus[published.packet_id] += 1
            out.append(frame.again())
        if own.held is None and self._rng.random() < _OVERTAKEN:
            own.held = out.pop(0)
            return out
        return [*out, *_released(own)]


def _released(own: _Direction) -> Sequence[Frame]:
    held, own.held = own.held, None
    return [] if held is None else [held]


def _is_surplus(frame: Frame, other: _Direction) -> bool:
    """Tell whether a PUBACK answers a copy: all but the last one that will come are held back."""
    packet_id = frame.packet_id()
    if packet_id is None or not other.surplus[packet_id]:
        return False
    other.surplus[packet_id] -= 1
    return True
