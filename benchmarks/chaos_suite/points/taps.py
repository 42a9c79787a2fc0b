"""TCP relays that understand what they carry, and can hold it at any message."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import Any, TypeVar

from benchmarks.chaos_suite.points.events import Event, Talk, Way

_CHUNK_BYTES = 65_536
_ANSWER_TIMEOUT_S = 10.0

_T = TypeVar("_T")


class Passage(Enum):
    """What becomes of a message, and of its connection."""

    PASS = auto()
    WAIT = auto()  # this way only, until it is asked again
    HOLD = auto()  # the message and all after it, both ways, until the connection is dropped
    PASS_THEN_HOLD = auto()  # the same, from the next message on


Gate = Callable[[Event], Passage]


class Taps:
    """All relays of a run, in one thread. Methods may be called from any other thread."""

    def __init__(self, gate: Gate) -> None:
        """Start the thread; `gate` is asked there about each event, and must not take long."""
        self._gate = gate
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="taps", daemon=True)
        self._taps: dict[str, _Tap] = {}
        self._thread.start()

    def add(self, peer: str, port: int, talk: Callable[[str], Talk]) -> int:
        """Listen on a free loopback port for what is meant for `port`; gives the former."""
        tap = _Tap(port, lambda: talk(peer), self._gate)
        self._taps[peer] = tap
        return self._await(tap.listen())

    def ask_again(self) -> None:
        """Let the gate judge once more what waits."""
        for tap in self._taps.values():
            self._loop.call_soon_threadsafe(tap.ask_again)

    def drop_stopped(self) -> None:
        """Break the connections on which something waits or is held."""
        for tap in self._taps.values():
            self._await(tap.drop(stopped=True))

    def drop(self, peers: Sequence[str]) -> None:
        """Break all connections of these peers; new ones are taken."""
        for peer in peers:
            self._await(self._taps[peer].drop(stopped=False))

    def close(self) -> None:
        """Break everything and end the thread."""
        for tap in self._taps.values():
            self._await(tap.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _await(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_TIMEOUT_S)


class _Tap:
    """One listening port; lives in the loop."""

    def __init__(self, upstream_port: int, talk: Callable[[], Talk], gate: Gate) -> None:
        self._upstream_port = upstream_port
        self._talk = talk
        self._gate = gate
        self._server: asyncio.Server | None = None
        self._lines: dict[asyncio.Task[None], _Line] = {}

    async def listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def ask_again(self) -> None:
        for line in self._lines.values():
            line.ask_again()

    async def drop(self, *, stopped: bool) -> None:
        chosen = [task for task, line in self._lines.items() if line.is_stopped or not stopped]
        for task in chosen:
            task.cancel()
        if chosen:
            await asyncio.wait(chosen)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self.drop(stopped=False)
        await asyncio.sleep(0)  # transports close in the loop's next round

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = _Line(self._talk(), self._gate)
        task = asyncio.create_task(self._carry(line, reader, writer))
        self._lines[task] = line
        task.add_done_callback(self._lines.pop)

    async def _carry(
        self, line: "_Line", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            with suppress(OSError, asyncio.CancelledError):
                up = await asyncio.open_connection("127.0.0.1", self._upstream_port)
                await line.between((reader, writer), up)
        finally:
            writer.transport.abort()
            line.end()


_End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Line:
    """One connection: relays both ways, message by message."""

    def __init__(self, talk: Talk, gate: Gate) -> None:
        self._waiting = 0
        self._talk = talk
        self._gate = gate
        self._asked = asyncio.Event()
        self._held = asyncio.Event()

    @property
    def is_stopped(self) -> bool:
        return self._waiting > 0 or self._held.is_set()

    def ask_again(self) -> None:
        self._asked.set()

    async def between(self, down: _End, up: _End) -> None:
        ways = [
            asyncio.create_task(self._relay(Way.UP, down[0], up[1])),
            asyncio.create_task(self._relay(Way.DOWN, up[0], down[1])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            up[1].transport.abort()

    def end(self) -> None:
        for event in self._talk.end():
            self._gate(event)

    async def _relay(
        self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            for message, events in self._talk.hear(way, data):
                await self._forward(message, events, writer)
        writer.write(self._talk.rest(way))
        writer.close()  # what was written still goes out
        await writer.wait_closed()

    async def _forward(
        self, message: bytes, events: Sequence[Event], writer: asyncio.StreamWriter
    ) -> None:
        passages = [await self._judged(event) for event in events]
        if self._held.is_set() or Passage.HOLD in passages:
            await self._hold()
        writer.write(message)
        await writer.drain()
        if Passage.PASS_THEN_HOLD in passages:
            await self._hold()

    async def _judged(self, event: Event) -> Passage:
        while (passage := self._gate(event)) is Passage.WAIT:
            self._waiting += 1
            self._asked.clear()
            await self._asked.wait()
            self._waiting -= 1
        return passage

    async def _hold(self) -> None:
        """Stop both ways for good."""
        self._held.set()
        await asyncio.Event().wait()
