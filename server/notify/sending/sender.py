"""Sends what is due by one channel, one message after the other, in a thread of its own.

A message is claimed in one transaction, sent outside of any, and marked in the next, which claims
the one after it. So whoever ends the program at any instant leaves one message at most of which
nobody knows whether it went out.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from server.db.engine import explain, writing
from server.notify.channels.port import Answer, Channel, Later, Never, UnsureError
from server.notify.sending.claiming import Claim, claim, is_due
from server.notify.sending.composing import compose
from server.notify.sending.marking import mark, mark_unsure
from server.notify.sending.rate import Rate
from wire.errors import ConfigError

SENDING_FAILED = "sending_failed"
MESSAGE_UNSURE = "message_unsure"
CHANNEL_AWAY = "channel_away"
CHANNEL_BACK = "channel_back"

# Whoever queues warnings wakes it; letters and what is tried again can wait as long.
_LOOK_S = 1.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_STOP_TIMEOUT_S = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """By what a sender sends; `by` names the program, for whoever looks at what it left."""

    name: str
    channel: Channel
    rate: Rate
    base_url: str
    by: str


@dataclass(frozen=True, slots=True)
class _Done:
    """A message that was sent, or not, and is not marked yet; `answer` None: nobody knows."""

    claim: Claim
    answer: Answer | None
    why: str = ""


class Sender:
    """The sender of one channel."""

    def __init__(self, engine: Engine, means: Means, clock: Callable[[], int]) -> None:
        """Prepare; `clock` gives milliseconds UTC."""
        self.error = ""
        self._engine = engine
        self._means = means
        self._clock = clock
        self._done: _Done | None = None
        self._failures = 0
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"send-{means.name}", daemon=True)

    def start(self) -> None:
        """Begin in a thread of its own."""
        self._thread.start()

    def wake(self) -> None:
        """Have it look for messages now."""
        self._woken.set()

    def stop(self) -> None:
        """End after the message in hand."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT_S)

    def step(self) -> float:
        """Send what is due; return for how long there is nothing to do, in seconds."""
        while not self._stopping.is_set():
            wait_s = self._means.rate.wait_s(time.monotonic())
            if wait_s and self._done is None:
                return wait_s
            claimed = self._exchange(wants_more=not wait_s)
            if claimed is None:
                return _LOOK_S
            self._means.rate.spend()
            self._done = self._send(claimed)
            if isinstance(self._done.answer, Later) and self._done.answer.is_channel:
                return self._away(self._done.answer)
            self._back()
        return 0.0

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(self._guarded())
            self._woken.clear()
        self._guarded_mark()
        self._means.channel.close()

    def _guarded(self) -> float:
        try:
            return self.step()
        except Exception as error:  # the top of the thread: it tries again
            told = f"nothing is sent: {explain(self._engine.url, error)}"
            if told != self.error:
                log.warning(
                    SENDING_FAILED, error=told, exc_info=not isinstance(error, SQLAlchemyError)
                )
            self.error = told
            return self._pause_s()

    def _guarded_mark(self) -> None:
        """Mark what was sent last; without a database it stays claimed, and so becomes unsure."""
        try:
            self._exchange(wants_more=False)
        except SQLAlchemyError as error:
            log.warning(SENDING_FAILED, error=explain(self._engine.url, error))

    def _exchange(self, *, wants_more: bool) -> Claim | None:
        """Mark what was sent, and claim the next in the same transaction."""
        now_ms, means = self._clock(), self._means
        if self._done is None and not (wants_more and self._is_due(now_ms)):
            return None
        with writing(self._engine) as connection:
            if self._done is not None and self._done.answer is None:
                mark_unsure(connection, self._done.claim, self._done.why)
            elif self._done is not None and self._done.answer is not None:
                mark(connection, self._done.claim, self._done.answer, now_ms)
            claimed = claim(connection, means.name, means.by, now_ms) if wants_more else None
        self._done = None
        return claimed

    def _is_due(self, now_ms: int) -> bool:
        with self._engine.connect() as connection:
            return is_due(connection, self._means.name, now_ms)

    def _send(self, claimed: Claim) -> _Done:
        """Write and send a message; a fault of ours costs this one only."""
        try:
            with self._engine.connect() as connection:
                envelope = compose(connection, claimed, self._means.base_url, self._clock())
        except SQLAlchemyError as error:
            return _Done(claimed, Later(explain(self._engine.url, error)))
        except Exception as error:
            log.exception(SENDING_FAILED, message=claimed.ids[0])
            return _Done(claimed, Never(f"could not be written: {type(error).__name__}: {error}"))
        try:
            return _Done(claimed, self._means.channel.send(envelope))
        except ConfigError as error:
            return _Done(claimed, Never(str(error), is_address=True))
        except UnsureError as error:
            log.warning(MESSAGE_UNSURE, message=claimed.ids[0], reason=str(error))
            return _Done(claimed, None, str(error))
        except Exception as error:
            log.exception(SENDING_FAILED, message=claimed.ids[0])
            return _Done(claimed, None, f"{type(error).__name__}: {error}")

    def _away(self, answer: Later) -> float:
        """Leave a channel alone that takes nothing; the message waits like all others."""
        if self.error != answer.reason:
            log.warning(CHANNEL_AWAY, channel=self._means.name, reason=answer.reason)
        self.error = answer.reason
        self._exchange(wants_more=False)
        return self._pause_s()

    def _pause_s(self) -> float:
        self._failures += 1
        return min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(self._failures - 1, 16))

    def _back(self) -> None:
        if self.error:
            log.info(CHANNEL_BACK, channel=self._means.name)
        self.error, self._failures = "", 0
