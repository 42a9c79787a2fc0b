"""Server-sent events: a subscription as the text of an event stream.

Format: WHATWG HTML, 9.2 "Server-sent events" (`id`, `event`, `data`, `retry`, comment lines).
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from server.live.hub import Hub, Resync, Update

Row = TypeVar("Row")

MEDIA_TYPE = "text/event-stream"
# How soon a browser comes back after the connection broke.
RETRY_MS = 3000
# Proxies cut a silent connection after 30 to 60 s.
HEARTBEAT_S = 15.0


async def stream(
    hub: Hub[Row],
    encode: Callable[[Sequence[Row]], bytes],
    heartbeat_s: float = HEARTBEAT_S,
) -> AsyncIterator[bytes]:
    """Yield the event stream of a new subscription until the hub closes.

    `encode` writes rows as JSON on one line.
    """
    subscription = hub.subscribe()
    try:
        yield b"retry: %d\n\n" % RETRY_MS
        while not subscription.closed:
            item = await subscription.next(heartbeat_s)
            if item is not None:
                yield _event(item, encode)
            elif not subscription.closed:
                yield b": still here\n\n"
    finally:
        hub.unsubscribe(subscription)


def _event(item: Update[Row] | Resync, encode: Callable[[Sequence[Row]], bytes]) -> bytes:
    if isinstance(item, Resync):
        return b"id: %d\nevent: resync\ndata: {}\n\n" % item.id
    return b"id: %d\nevent: latest\ndata: %b\n\n" % (item.id, encode(item.rows))
