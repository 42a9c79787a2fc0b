"""Says in each answer how long the server worked on it: Server-Timing, as browsers show it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEY = "stopwatch"


class Stopwatch:
    """Notes how long the parts of an answer take, in ms by name, from when it is made."""

    def __init__(self, clock_s: Callable[[], float] = time.perf_counter) -> None:
        self._clock_s = clock_s
        self._began_s = clock_s()
        self._parts: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what the block takes; what came before the first one is `begin`."""
        began_s = self._clock_s()
        self._parts.setdefault("begin", (began_s - self._began_s) * 1000)
        try:
            yield
        finally:
            taken_ms = (self._clock_s() - began_s) * 1000
            self._parts[name] = self._parts.get(name, 0.0) + taken_ms

    def header(self) -> str:
        """Write the parts so far, and the whole as `total`: Server-Timing's value."""
        total_ms = (self._clock_s() - self._began_s) * 1000
        parts = {**self._parts, "total": total_ms}
        return ", ".join(f"{name};dur={taken_ms:.1f}" for name, taken_ms in parts.items())


def stopwatch_of(request: Request) -> Stopwatch:
    """Give the stopwatch of the answer to a request; without one, a new one that nobody reads."""
    found: Stopwatch = request.scope.setdefault("state", {}).setdefault(_KEY, Stopwatch())
    return found


class ServerTiming:
    """ASGI middleware: `total` is from the request until the answer begins to go out, in ms.

    Before it come the parts that were noted: `begin` until the answer is worked on, `read` from the
    database, `write` as JSON, `pack` (tag and compression).
    """

    def __init__(self, app: ASGIApp, clock_s: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._clock_s = clock_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and add the header to its answer."""
        stopwatch = Stopwatch(self._clock_s)
        scope.setdefault("state", {})[_KEY] = stopwatch

        async def send_with_time(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Server-Timing"] = stopwatch.header()
            await send(message)

        await self._app(scope, receive, send_with_time)
