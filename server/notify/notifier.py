"""Telling people, in the background: notices become messages, and messages go out.

A thread expands notices and does what comes with time; each channel has a sender of its own, so
that one that is slow holds up no other. What is new is looked for five times a second by an index
that holds nothing else: so it does not matter which process took the reading in.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from server.db.engine import explain, writing
from server.db.notify_tables import message
from server.notify.channels.port import Channel
from server.notify.digest import queue_digests
from server.notify.expansion import escalate, expand, has_new
from server.notify.people import forget_those_who_left
from server.notify.sending.marking import release_lost
from server.notify.sending.rate import Rate
from server.notify.sending.sender import Means, Sender

NOTIFIER_FAILED = "notifier_failed"
MESSAGES_LOST = "messages_unsure"

_LOOK_S = 0.2
_CLOCK_S = 30.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_STOP_TIMEOUT_S = 5.0
# What is told of trouble is of the last days.
_RECENT_MS = 7 * 86_400_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """A channel that is set up, and how many messages a minute it may take."""

    channel: Channel
    per_minute: int


@dataclass(frozen=True, slots=True)
class Post:
    """How messages are, by number: those that wait, were given up, or of which nobody knows."""

    waiting: int
    dead: int
    unsure: int
    without_channel: int


class Notifier:
    """All threads that tell people, as one thing to start and stop."""

    def __init__(
        self,
        engine: Engine,
        ways: Mapping[str, Way],
        base_url: str,
        by: str,
        clock: Callable[[], int],
    ) -> None:
        """Prepare; `by` names this program, `clock` gives milliseconds UTC."""
        self._engine = engine
        self._clock = clock
        self._error = ""
        self._failures = 0
        self._clock_s = float("-inf")
        self._stopping = threading.Event()
        self._senders = {
            name: Sender(
                engine, Means(name, way.channel, Rate(way.per_minute), base_url, by), clock
            )
            for name, way in ways.items()
        }
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)

    @property
    def error(self) -> str:
        """Say what holds messages up; "" when nothing does."""
        return self._error or next((one.error for one in self._senders.values() if one.error), "")

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        for sender in self._senders.values():
            sender.start()

    def stop(self) -> None:
        """End after the messages in hand."""
        self._stopping.set()
        for sender in self._senders.values():
            sender.stop()
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT_S)

    def post(self) -> Post:
        """Count messages; raises SQLAlchemyError."""
        return read_post(self._engine, set(self._senders), self._clock())

    def step(self) -> None:
        """Do what is due once."""
        now_ms, now_s = self._clock(), time.monotonic()
        with self._engine.connect() as connection:
            is_new = has_new(connection)
        made = expand(self._engine, now_ms) if is_new else 0
        if now_s >= self._clock_s + _CLOCK_S:
            made += by_the_clock(self._engine, now_ms)
            self._clock_s = now_s
        if made:
            for sender in self._senders.values():
                sender.wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self._guarded())

    def _guarded(self) -> float:
        try:
            self.step()
        except Exception as error:  # the top of the thread: it tries again
            told = f"notices are not told: {explain(self._engine.url, error)}"
            if told != self._error:
                log.warning(
                    NOTIFIER_FAILED, error=told, exc_info=not isinstance(error, SQLAlchemyError)
                )
            self._error = told
            self._failures += 1
            return min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(self._failures - 1, 16))
        self._error, self._failures = "", 0
        return _LOOK_S


def by_the_clock(engine: Engine, now_ms: int) -> int:
    """Do what comes with time, not with readings; gives how many messages were queued."""
    with writing(engine) as connection:
        lost = release_lost(connection, now_ms)
        forget_those_who_left(connection, now_ms)
    if lost:
        log.warning(MESSAGES_LOST, messages=lost)
    return escalate(engine, now_ms) + queue_digests(engine, now_ms)


def read_post(engine: Engine, channels: Sequence[str] | set[str], now_ms: int) -> Post:
    """Count messages: those that wait now, and the trouble of the last days."""
    of = message.c
    recent = (of.created_at >= now_ms - _RECENT_MS) | (of.state == "queued")
    with engine.connect() as connection:
        rows = connection.execute(
            select(of.state, of.channel, func.count())
            .where(of.state.in_(["queued", "dead", "unsure"]), recent)
            .group_by(of.state, of.channel)
        ).all()
    counts = {"queued": 0, "dead": 0, "unsure": 0}
    for state, _, count in rows:
        counts[state] += count
    homeless = sum(n for state, name, n in rows if state == "queued" and name not in channels)
    return Post(counts["queued"], counts["dead"], counts["unsure"], homeless)
