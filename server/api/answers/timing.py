"""Says in each answer how long the server worked on it: Server-Timing, as browsers show it."""

import time
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class ServerTiming:
    """ASGI middleware: `total` is from the request until the answer begins to go out, in ms."""

    def __init__(self, app: ASGIApp, clock_s: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._clock_s = clock_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and add the header to its answer."""
        began_s = self._clock_s()

        async def send_with_time(message: Message) -> None:
            if message["type"] == "http.response.start":
                taken_ms = (self._clock_s() - began_s) * 1000
                headers = MutableHeaders(scope=message)
                headers["Server-Timing"] = f"total;dur={taken_ms:.1f}"
            await send(message)

        await self._app(scope, receive, send_with_time)
