"""A serial line that is not perfect: faults between the devices and the gateway.

Each fault has a probability per message; without any the line is left out altogether.
"""

import re
from itertools import zip_longest
from typing import Annotated

import msgspec

from firmware_sim.devices.base import Bus, Send
from firmware_sim.physics.chance import Dice

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How often each fault strikes a message, and how long what lasts lasts."""

    drop: Probability = 0.0  # the message never goes out
    corrupt: Probability = 0.0  # one bit of it is turned
    echo: Probability = 0.0  # the gateway hears its own request first
    split: Probability = 0.0  # it comes in two parts, `pause_s` between them
    pause_s: Seconds = 0.2
    delay: Probability = 0.0  # it comes `delay_s` late
    delay_s: Seconds = 2.0
    garbage: Probability = 0.0  # one to four stray bytes come before it
    trail: Probability = 0.0  # and behind it
    truncate: Probability = 0.0  # it breaks off
    collide: Probability = 0.0  # two that speak at the same time are mixed, byte by byte
    silence: Probability = 0.0  # the line is dead for `silence_s` from here
    silence_s: Seconds = 30.0

    def any(self) -> bool:
        """Tell whether there is anything to do."""
        return any((self.drop, self.corrupt, self.echo, self.split, self.delay)) or any(
            (self.garbage, self.trail, self.truncate, self.collide, self.silence)
        )


_LINE_END = b"\r\n"
# A talker's line ends with its checksum as two digits: NMEA 0183 sets it off by `*`, Gill by ETX.
_SEALED = re.compile(rb"(.*[*\x03])([0-9A-Fa-f]{2})", re.DOTALL)


def _as_heard(send: Send, data: bytes) -> Send:
    """Spoil a message. It still says what it said only where a listener could rightly read it.

    That is a talker's line of which nothing but the LF is spoilt, for its CR ends it; or the case
    of a letter of its checksum. An answer that was asked for is asked for again.
    """
    is_readable = send.answer is not None and send.answer.kind == "line"
    if is_readable and _line_of(data) == _line_of(send.data) is not None:
        return send._replace(data=data)
    return Send(send.delay_s, data)


def _line_of(data: bytes) -> bytes | None:
    """Give what a listener has of a message at its first CR; None where that never came."""
    line, end, _ = data.partition(_LINE_END[:1])
    if not end:
        return None
    sealed = _SEALED.fullmatch(line)
    return line if sealed is None else sealed[1] + sealed[2].upper()


class FaultyLine:
    """A bus as it is heard through a faulty line."""

    def __init__(self, bus: Bus, faults: Faults, dice: Dice) -> None:
        """Put the line in front of a bus."""
        self._bus = bus
        self._faults = faults
        self._dice = dice
        self._dead_until = 0.0

    def receive(self, data: bytes, now: float) -> list[Send]:
        """Pass a request on, unless the line is dead."""
        if now < self._dead_until:
            return []
        echo = [Send(0.0, data)] if self._strikes(self._faults.echo) else []
        return echo + self._spoil(self._bus.receive(data, now), now)

    def wake_at(self, now: float) -> float | None:
        """Tell when the devices want to speak."""
        return self._bus.wake_at(now)

    def wake(self, now: float) -> list[Send]:
        """Let the devices speak; a dead line swallows it."""
        return self._spoil(self._mixed(self._bus.wake(now)), now)

    def _mixed(self, sends: list[Send]) -> list[Send]:
        """Let the first two talkers of a moment speak at once."""
        if len(sends) < 2 or not self._strikes(self._faults.collide):
            return sends
        one, other = sends[0].data, sends[1].data
        pairs = zip_longest(one, other)
        mixed = bytes(byte for pair in pairs for byte in pair if byte is not None)
        return [Send(sends[0].delay_s, mixed), *sends[2:]]

    def _strikes(self, probability: float) -> bool:
        return probability > 0.0 and self._dice.roll() < probability

    def _spoil(self, sends: list[Send], now: float) -> list[Send]:
        return [part for send in sends for part in self._message(send, now)]

    def _message(self, send: Send, now: float) -> list[Send]:
        faults = self._faults
        if self._strikes(faults.silence):
            self._dead_until = max(self._dead_until, now + faults.silence_s)
        if now < self._dead_until or self._strikes(faults.drop):
            return []
        if self._strikes(faults.corrupt):
            send = _as_heard(send, self._turn_a_bit(send.data))
        if self._strikes(faults.truncate):
            send = _as_heard(send, self._broken_off(send.data))
        if self._strikes(faults.delay):
            send = send._replace(delay_s=send.delay_s + faults.delay_s)
        if self._strikes(faults.garbage):
            send = send._replace(data=self._stray() + send.data)
        if self._strikes(faults.trail):
            send = send._replace(data=send.data + self._stray())
        return self._halves(send) if self._strikes(faults.split) else [send]

    def _stray(self) -> bytes:
        return bytes(self._dice.below(256) for _ in range(1 + self._dice.below(4)))

    def _turn_a_bit(self, data: bytes) -> bytes:
        if not data:
            return data
        spoiled = bytearray(data)
        spoiled[self._dice.below(len(data))] ^= 1 << self._dice.below(7)
        return bytes(spoiled)

    def _broken_off(self, data: bytes) -> bytes:
        """Break off anywhere but right before CR LF: a stray byte might make a whole line of it."""
        length = self._dice.below(max(1, len(data)))
        if data.endswith(_LINE_END) and length == len(data) - len(_LINE_END):
            length -= 1
        return data[:length]

    def _halves(self, send: Send) -> list[Send]:
        middle = len(send.data) // 2
        late = send.delay_s + self._faults.pause_s
        return [Send(send.delay_s, send.data[:middle]), Send(late, send.data[middle:], send.answer)]
