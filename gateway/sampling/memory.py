"""What sampling remembers over a restart: where counters stood, and rain not yet reported.

A memo is written in the transaction that keeps the observation it belongs to: after a power cut
either both are there or neither, and no increment is lost or counted twice.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from gateway.sampling.counters import Past


class Memory(Protocol):
    """Where memos are kept, by datastream. `boot_id` names this boot of the machine."""

    @property
    def boot_id(self) -> str:
        """Name this boot."""

    def recall(self, datastream: str) -> str | None:
        """Read a memo; None where there is none, or where it cannot be read."""

    def keep(self, memos: Mapping[str, str]) -> None:
        """Write memos at once; a disk that takes none is nobody's concern here."""


class Memo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of a field: its counter's last reading, or what was added up so far.

    `mono_ms` is on the monotonic clock of the boot named by `boot`: when it was read, or the gauge
    last asked. What was gathered fell within `covered_ms`, if that is known.
    """

    boot: str
    mono_ms: int
    reading: Decimal | None = None
    gathered: Decimal | None = None
    covered_ms: int | None = None

    def past(self, boot_id: str) -> Past | None:
        """Give the last reading as this boot sees it."""
        if self.reading is None:
            return None
        return Past(self.reading, self.mono_ms if self.boot == boot_id else None)


def write(memo: Memo) -> str:
    """Write a memo as text."""
    return msgspec.json.encode(memo).decode()


def read(text: str | None) -> Memo | None:
    """Read a memo; None for none, and for one that is none of ours."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=Memo)
    except (msgspec.MsgspecError, ValueError):
        return None


class Forgetful:
    """A memory that keeps nothing: of a sensor that is tried out, say."""

    boot_id = ""

    def recall(self, datastream: str) -> str | None:
        """Remember nothing."""
        del datastream
        return None

    def keep(self, memos: Mapping[str, str]) -> None:
        """Keep nothing."""
        del memos
