"""What the sender asks of a channel, and what it may answer.

An answer says who must act: nobody (`Sent`), time (`Later`), or a person (`Never`). A channel that
cannot tell whether a message went out raises `Unsure`: it is then never sent again by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from server.words.facts import Links, Rendered


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message for one address; `key` is the same each time it is tried.

    `facts` is what programs read (webhook, MQTT): plain JSON values. By `token` a mail that comes
    back is known; "" where nobody asks for it. `follows`: the tokens of what was sent before of the
    same episode, oldest first.
    """

    key: str
    address: str
    said: Rendered
    links: Links
    is_urgent: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    token: str = ""
    follows: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """It was handed on; `receipt` is what the other side calls it, if it says."""

    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """It was not taken now; `after_s` is how long the other side asks to be left alone.

    `is_channel`: nothing is taken now, whatever it is, so that nothing else need be tried.
    """

    reason: str
    after_s: float = 0.0
    is_channel: bool = False


@dataclass(frozen=True, slots=True)
class Never:
    """It will not be taken, however often it is tried; `is_address`: because of the address."""

    reason: str
    is_address: bool = False


Answer = Sent | Later | Never


class UnsureError(Exception):
    """The line broke after the message had been handed over, before it was confirmed."""


class Channel(Protocol):
    """A way out. `send` may take seconds; it is called by one thread at a time."""

    def send(self, envelope: Envelope) -> Answer:
        """Send; raises UnsureError, and ConfigError for what is no address: nothing went out."""
        ...

    def close(self) -> None:
        """Let go of what is kept between messages; sending again is allowed."""
        ...
