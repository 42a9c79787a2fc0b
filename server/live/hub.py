"""The hub: carries committed rows from the ingest thread to every connected browser.

It keeps no history. A browser that was away, or too slow, is told to `resync`: to read the newest
values over HTTP once, after which the events that follow are complete again.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")

# A browser reads within milliseconds; 64 commits waiting means that it does not read at all.
QUEUE_EVENTS = 64
# What a hall of agronomists opens at once, and what file descriptors bear.
MAX_SUBSCRIBERS = 256


@dataclass(frozen=True, slots=True)
class Update(Generic[Row]):
    """Rows of one commit. `id` grows with each, by one."""

    id: int
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Resync:
    """Updates up to `id` may have been missed: read the newest values once."""

    id: int


class Subscription(Generic[Row]):
    """One browser's queue. Used on the event loop only, as are all of its methods."""

    def __init__(self, since: int, capacity: int) -> None:
        self._queue: deque[Update[Row]] = deque()
        self._capacity = capacity
        self._wake = asyncio.Event()
        self._missed_up_to: int | None = since
        self._closed = False

    def push(self, update: Update[Row]) -> None:
        """Queue an update; when the queue is full the oldest goes, and a resync is owed."""
        if len(self._queue) >= self._capacity:
            self._missed_up_to = self._queue.popleft().id
        self._queue.append(update)
        self._wake.set()

    def owe_resync(self, up_to: int) -> None:
        """Note that updates up to this one may be missing: told before all that waits."""
        self._missed_up_to = up_to
        self._wake.set()

    @property
    def closed(self) -> bool:
        """Whether the server is stopping and nothing more will come."""
        return self._closed

    def close(self) -> None:
        """End the subscription, waking who waits in `next`."""
        self._closed = True
        self._wake.set()

    async def next(self, timeout_s: float) -> Update[Row] | Resync | None:
        """Wait for what comes next; None when nothing came within `timeout_s`, or once closed.

        Begins with a resync, so that nothing is missed between a page's rendering and this.
        """
        try:
            await asyncio.wait_for(self._ready(), timeout_s)
        except TimeoutError:
            return None
        if self._closed:
            return None
        if self._missed_up_to is not None:
            resync, self._missed_up_to = Resync(self._missed_up_to), None
            return resync
        return self._queue.popleft()

    async def _ready(self) -> None:
        while not (self._closed or self._queue or self._missed_up_to is not None):
            self._wake.clear()
            await self._wake.wait()


class Hub(Generic[Row]):
    """Hands each published update to every subscription. `publish` may be called on any thread."""

    def __init__(
        self, queue_events: int = QUEUE_EVENTS, max_subscribers: int = MAX_SUBSCRIBERS
    ) -> None:
        self._queue_events = queue_events
        self._max_subscribers = max_subscribers
        self._subscriptions: set[Subscription[Row]] = set()
        self._last_id = 0
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve subscribers on this loop; updates published before are nobody's."""
        with self._lock:
            self._loop = loop

    def publish(self, rows: Sequence[Row]) -> None:
        """Hand rows to all subscribers. Never blocks; with none the rows are not even looked at.

        Who subscribes at this moment begins with a resync, and reads what was committed before.
        """
        if self._subscriptions:
            self._on_loop(self._deliver, tuple(rows))

    def resync(self) -> None:
        """Have every subscriber read the newest values anew, from any thread: some were missed."""
        self._on_loop(self._owe_resync)

    def close(self) -> None:
        """End every subscription, from any thread; a stopping server does not wait for browsers."""
        self._on_loop(self._close_all)
        with self._lock:
            self._loop = None

    def subscribe(self) -> Subscription[Row]:
        """Open a subscription, on the loop."""
        subscription: Subscription[Row] = Subscription(self._last_id, self._queue_events)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription[Row]) -> None:
        """Forget a subscription, on the loop."""
        self._subscriptions.discard(subscription)

    @property
    def subscribers(self) -> int:
        """How many browsers are connected."""
        return len(self._subscriptions)

    @property
    def full(self) -> bool:
        """Whether as many browsers are connected as the server serves at once."""
        return len(self._subscriptions) >= self._max_subscribers

    def _on_loop(self, function: Callable[..., None], *args: object) -> None:
        with self._lock:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(function, *args)

    def _deliver(self, rows: Sequence[Row]) -> None:
        self._last_id += 1
        update = Update(self._last_id, rows)
        for subscription in self._subscriptions:
            subscription.push(update)

    def _owe_resync(self) -> None:
        self._last_id += 1
        for subscription in self._subscriptions:
            subscription.owe_resync(self._last_id)

    def _close_all(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()
