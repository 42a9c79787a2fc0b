"""What the outbox needs from time to time, with and without a connection: sealing and pruning."""

from pathlib import Path
from time import monotonic, sleep

import structlog

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.outbox import Outbox
from gateway.outbox.sealing import TIGHT_LIMIT
from gateway.uplink.pace import Pace
from wire.messages import ClockSource

SEALED = "observations_sealed"
STORE_FAILED = "outbox_failed"

PRUNE_EVERY_MS = 3_600_000
# A file beside the outbox: who wants what is pending in batches (an export) makes it, and it goes
# when they are sealed.
SEAL_WISH = "seal-wanted"

_log = structlog.get_logger(__name__)


def ask_to_seal(data_dir: Path, patience_s: float) -> bool:
    """Have the gateway that runs in this folder seal all that waits; tell whether it did.

    It looks four times a second, but not while it connects. Raises OSError when the folder cannot
    be written.
    """
    wish = data_dir / SEAL_WISH
    wish.touch()
    until_s = monotonic() + patience_s
    while wish.exists():
        if monotonic() > until_s:
            wish.unlink(missing_ok=True)
            return False
        sleep(0.1)
    return True


class Upkeep:
    """Seals and prunes one outbox when it is time; a disk that fails is told of and tried again."""

    def __init__(self, outbox: Outbox, clock: Clock, period_ms: int) -> None:
        """Begin; `period_ms` is how often to seal what can be sent at once."""
        self._outbox = outbox
        self._clock = clock
        self._period_ms = period_ms
        self._pace = Pace(period_ms, clock.mono_ms())
        self._next_prune_ms = 0
        self._wish = outbox.path.with_name(SEAL_WISH)
        self._next_wish_ms = 0

    def step(self, *, can_send: bool) -> None:
        """Do what is due; `can_send`: a batch sealed now would leave at once."""
        now_ms = self._clock.mono_ms()
        try:
            if self._pace.due(now_ms, can_send=can_send, ask=self._outbox.pending):
                self._seal(now_ms)
            self._grant_wish(now_ms)
            if now_ms >= self._next_prune_ms:
                self._next_prune_ms = now_ms + PRUNE_EVERY_MS
                self._prune()
        except StoreError as error:
            _log.error(STORE_FAILED, reason=str(error))

    def seal_now(self) -> None:
        """Seal what may go while it can still be sent: the gateway is about to stop."""
        try:
            self._seal(self._clock.mono_ms())
        except StoreError as error:
            _log.error(STORE_FAILED, reason=str(error))

    def _seal(self, now_ms: int) -> None:
        self._pace.tried(now_ms)
        count = self._outbox.seal()
        if count:
            _log.info(SEALED, count=count)
        left = self._outbox.pending().count
        if left and count >= TIGHT_LIMIT:  # a batch may have been full
            self._pace.more()
        else:
            self._pace.sealed(now_ms, left)

    def _grant_wish(self, now_ms: int) -> None:
        """Seal all that may go when another program wants it so."""
        if now_ms < self._next_wish_ms or not self._wish.exists():
            return
        self._next_wish_ms = now_ms + self._period_ms  # should it fail
        while count := self._outbox.seal():
            _log.info(SEALED, count=count)
        try:
            self._wish.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self._wish}: {error.strerror}; remove it by hand") from None
        self._next_wish_ms = now_ms

    def _prune(self) -> None:
        """Remove old confirmed batches, while the clock that tells their age is known."""
        if self._clock.source() is not ClockSource.UNKNOWN:
            self._outbox.prune()
