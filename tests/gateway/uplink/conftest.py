"""A link that counts, time that can be moved on, and a broker that speaks TLS."""

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from gateway.clock import Clock, TimeSources, monotonic_ns


class CountingProxy:
    """Carries bytes between a loopback port of its own and another one, and counts them."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.bytes = 0
        self.connections = 0
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._carry, "127.0.0.1", 0)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def _carry(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        far, far_out = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        try:
            await asyncio.gather(self._pipe(near, far_out), self._pipe(far, near_out))
        finally:
            near_out.close()
            far_out.close()
            self._tasks.discard(task)

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                self.bytes += len(data)
                sink.write(data)
                await sink.drain()
        sink.close()

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def counting() -> Iterator[Callable[[int], CountingProxy]]:
    """Put a counting proxy before a port."""
    opened: list[CountingProxy] = []

    def make(port: int) -> CountingProxy:
        opened.append(CountingProxy(port))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@dataclass(slots=True)
class Shift:
    """Time that runs as always, and can be moved on."""

    ns: int = 0
    offset_ns: int = 0

    def advance_s(self, seconds: float) -> None:
        self.ns += int(seconds * 1e9)

    def begin_at(self, wall_ms: int) -> None:
        self.offset_ns = wall_ms * 1_000_000 - monotonic_ns() - self.ns

    def clock(self) -> Clock:
        sources = TimeSources(
            mono_ns=lambda: monotonic_ns() + self.ns,
            wall_ns=lambda: monotonic_ns() + self.ns + self.offset_ns,
            synchronised=lambda: True,
        )
        return Clock("auto", sources)


@pytest.fixture
def shift() -> Shift:
    one = Shift()
    one.begin_at(time.time_ns() // 1_000_000)
    return one


class Hasty(Random):
    """Chance that never waits longer than it must."""

    def uniform(self, a: float, b: float) -> float:
        return min(a, b)


@pytest.fixture
def hasty() -> Hasty:
    return Hasty()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate of 127.0.0.1 and tell its and its key's path."""
    paths = tmp_path / "broker.crt", tmp_path / "broker.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-out", str(paths[0]), "-keyout", str(paths[1])),
        ],
        check=True,
        capture_output=True,
    )
    return paths


@pytest.fixture
def tls_broker(broker, certificate):
    """Let the test's broker speak TLS only."""
    broker.kill()
    certfile, keyfile = certificate
    with broker.config.open("a", encoding="ascii") as config:
        config.write(f"user root\ncertfile {certfile}\nkeyfile {keyfile}\n")
    broker.start()
    return broker
