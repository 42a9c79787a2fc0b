"""What sampling remembers over a restart, in the outbox, beside the observations."""

from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from gateway.errors import StoreError
from gateway.outbox import MEMO

MEMO_UNREADABLE = "memo_unreadable"

_log = structlog.get_logger(__name__)


class Notes(Protocol):
    """Where memos are read: the outbox."""

    def meta(self, key: str) -> str | None:
        """Read a note; raises StoreError."""


class Memos:
    """Memos of sampling, by datastream. They are written in turn with the observations."""

    def __init__(
        self, outbox: Notes, boot_id: str, keep: Callable[[Mapping[str, str]], None]
    ) -> None:
        """Read in `outbox`; `keep` writes, after the observations that came before."""
        self._outbox = outbox
        self._keep = keep
        self.boot_id = boot_id

    def recall(self, datastream: str) -> str | None:
        """Read the memo of a series; None also while the outbox cannot be read."""
        try:
            return self._outbox.meta(MEMO + datastream)
        except StoreError as error:
            _log.warning(MEMO_UNREADABLE, datastream=datastream, reason=str(error))
            return None

    def keep(self, memos: Mapping[str, str]) -> None:
        """Write memos, in turn."""
        self._keep(memos)
