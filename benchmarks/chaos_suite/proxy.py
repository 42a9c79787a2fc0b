"""A TCP link that can be cut, silenced and throttled, between a client and its broker."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from random import Random
from typing import Any, Self, TypeVar

_CHUNK_BYTES = 1024
_ANSWER_TIMEOUT_S = 10.0

_T = TypeVar("_T")
# Where one direction of a connection is read, and where it is written to.
Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Listens on a free loopback port and carries bytes along a line.

    It runs in a thread of its own. All methods may be called from any thread and return once what
    they ask for is in force.
    """

    def __init__(self, line: "Callable[[], Line]") -> None:
        """Nothing is opened yet; `line` is made in the proxy's own thread."""
        self.port = 0
        self._make_line = line
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._line: Line | None = None

    def start(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        self.port = self._await(self._open())
        return self

    async def _open(self) -> int:
        self._line = self._make_line()
        return await self._line.listen()

    def cut(self) -> None:
        """Break all connections, and each new one as soon as it is made."""
        self._order(Line.cut)

    def silence(self) -> None:
        """Let nothing pass; what is sent meanwhile arrives when healed, as TCP would have it."""
        self._order(Line.silence)

    def throttle(self, bytes_per_s: float) -> None:
        """Let this much pass each second, each way, on each connection."""
        self._order(lambda line: line.throttle(bytes_per_s))

    def disorder(self, rng: Random) -> None:
        """Deliver packets twice and in another order, where the line knows packets."""
        self._order(lambda line: line.disorder(rng))

    def heal(self) -> None:
        """Let everything pass."""
        self._order(Line.heal)

    def close(self) -> None:
        """Break everything and end the thread. May be called twice, and before the start."""
        if self._thread.is_alive():
            self._order(Line.cut)
            if self._line is not None:
                self._await(self._line.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        if not self._loop.is_closed():
            self._loop.close()

    def _order(self, change: "Callable[[Line], None]") -> None:
        line = self._line
        if line is None:
            raise RuntimeError("the proxy was never started")

        async def carry_out() -> None:
            change(line)

        self._await(carry_out())

    def _await(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_TIMEOUT_S)


class Line:
    """The link itself: knows nothing of what passes but its size. Lives in the loop."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._server: asyncio.Server | None = None
        self._is_cut = False
        self._open: asyncio.Event = asyncio.Event()
        self._open.set()
        self._bytes_per_s: float | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        self.heal()
        self._is_cut = True
        for connection in self._connections:
            connection.cancel()

    def silence(self) -> None:
        self.heal()
        self._open.clear()

    def throttle(self, bytes_per_s: float) -> None:
        self.heal()
        self._bytes_per_s = bytes_per_s

    def disorder(self, _rng: Random) -> None:
        """Let packets pass twice and out of order: of no effect on a line that knows none."""
        self.heal()

    def heal(self) -> None:
        self._is_cut = False
        self._bytes_per_s = None
        self._open.set()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        while self._connections:
            await asyncio.wait(self._connections)
        await asyncio.sleep(0)  # transports close in the loop's next round

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._carry(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until an end is closed, breaks, or the link is cut."""
        with suppress(OSError, asyncio.CancelledError):
            await self._between(reader, writer)
        writer.transport.abort()

    async def _between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        ways = [
            asyncio.create_task(way) for way in self._ways((reader, up_writer), (up_reader, writer))
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _ended(ways)
            up_writer.transport.abort()

    def _ways(self, up: Way, down: Way) -> Sequence[Coroutine[Any, Any, None]]:
        """Give what carries a new connection, in each direction."""
        return self._relay(*up), self._relay(*down)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            await self._passage(len(data))
            writer.write(data)
            await writer.drain()
        await self._end(writer)

    async def _end(self, writer: asyncio.StreamWriter) -> None:
        writer.close()  # what was written still goes out
        await writer.wait_closed()

    async def _passage(self, size: int) -> None:
        """Wait until so many bytes may pass."""
        await self._open.wait()
        if self._bytes_per_s is not None:
            await asyncio.sleep(size / self._bytes_per_s)
            await self._open.wait()


async def _ended(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
