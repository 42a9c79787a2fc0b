"""Putting a question to one SDI-12 sensor, as often as the standard wants (v1.4, 7.2).

A sensor is asked three times, each time after a break. Where the break is ours to make, each of
the three is itself repeated twice without one, as a sensor may take 100 ms to wake; an adapter that
makes the break does that by itself or not at all.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from gateway.codecs import sdi12
from gateway.drivers.conversation import Ask, Conversation, Wait
from gateway.drivers.outcome import NoReplyError
from gateway.drivers.sdi12.adapter import Adapter
from gateway.errors import FrameError, GatewayError

T = TypeVar("T")

TRIES = 3
# A sensor that was silent at its last slot gets fewer, so that it does not hold up the others;
# two, because the first command after a pause may go unheard (PITFALLS: ModularSensors#276).
TRIES_WHEN_SILENT = 2
TRIES_WITHOUT_BREAK = 3
REPLY_TIMEOUT_S = 1.0
DATA_TIMEOUT_S = 2.0  # 75 characters take 0.7 s at 1200 baud, and the adapter adds its own
QUIET_S = 0.3

_CHARACTER_S = 10 / 1200  # v1.4, 4.1
# An answer begins 15 ms after the command; we must know by 87 ms that there is none (v1.4, 7.2).
_BEGIN_S = 0.06


class Questioner:
    """Asks the sensor at one address."""

    def __init__(self, address: str, adapter: Adapter) -> None:
        """Ask `address` through `adapter`."""
        self.address = address
        self.until = partial(sdi12.reply_length, address=address)
        self.tries = TRIES
        self.silences = 0  # how often it did not answer, or had forgotten its measurement
        self._adapter = adapter
        self._owed: list[Ask] = []  # replies that may still come, for tries that had none in time

    def ask(self, body: str, parse: Callable[[bytes, str], T], timeout_s: float) -> Conversation[T]:
        """Ask until an answer can be read; raises what became of the last try."""
        self._owed = []
        error: GatewayError = NoReplyError()
        for number in range(self.tries):
            if number and isinstance(error, NoReplyError):
                yield Wait(0, others=True)
            reply = yield from self.once(body, timeout_s)
            try:
                if reply:
                    return parse(reply, self.address)
                error = NoReplyError()
            except FrameError as damaged:
                error = damaged
            self._owed.append(Ask(b"", self.until, timeout_s))
        raise error

    def once(self, body: str, timeout_s: float) -> Conversation[bytes]:
        """Ask once, after a break; gives the reply as it came, empty when none did."""
        reply = yield from self._try(body, timeout_s)
        self.silences += not reply
        return reply

    def _try(self, body: str, timeout_s: float) -> Conversation[bytes]:
        request = sdi12.command(self.address, body) + self._adapter.ending
        if not self._adapter.host_breaks:
            return (yield Ask(request, self.until, timeout_s, QUIET_S))
        begin_s = len(request) * _CHARACTER_S + _BEGIN_S
        for number in range(TRIES_WITHOUT_BREAK):
            ask = Ask(request, self.until, timeout_s, QUIET_S, begin_s, wakes=number == 0)
            reply = yield ask
            if self.until(reply):
                return reply
        return reply

    def settle(self) -> Conversation[None]:
        """Let pass what is still owed for the last question, for no reply says what it answers."""
        while self._owed:
            yield self._owed.pop()
