"""Keeps a link to its plan: counts what connections cost, and says what may still be sent."""

from collections.abc import Sequence

import msgspec
import structlog
from msgspec.structs import replace

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.outbox import Candidate, Outbox
from gateway.uplink.allowance import (
    Instant,
    Plan,
    Rest,
    Usage,
    history_share,
    renewed,
    rest,
)
from wire.messages import ClockSource

# In the outbox's `meta`.
USAGE = "uplink_usage"
UNREADABLE = "uplink_usage_unreadable"
NOT_WRITTEN = "uplink_usage_not_written"

# Left for the last status and for closing.
KEEP_BACK = 2_000
# What sending a batch costs beside it: headers, topic, acknowledgements and the receipt.
BATCH_COST = 800
# Bytes used are written ahead in steps of this part of the budget, so that a crash gives none of
# them back, and the disk is not written with each look.
STEPS = 400
# How often the time that has run is written.
WRITE_MS = 3_600_000

_log = structlog.get_logger(__name__)


class Ration:
    """What one link may carry. A link without a plan may carry anything at any time."""

    def __init__(self, plan: Plan, outbox: Outbox, clock: Clock) -> None:
        """Read nothing yet: the outbox may not be open."""
        self._plan = plan
        self._outbox = outbox
        self._clock = clock
        self._usage: Usage | None = None
        self._written = Usage()
        self._now = self._instant()
        self._counted = 0
        self._too_little = False

    def rest(self) -> Rest | None:
        """Look at the time and tell why nothing may be sent now, or None; raises StoreError."""
        usage = self._carry_on()
        keep_back = self._plan.daily_bytes if self._too_little else KEEP_BACK
        return rest(self._plan, usage, self._now, keep_back)

    def connecting(self) -> None:
        """Note that a new connection is being made."""
        self._counted = 0
        if self._plan.daily_bytes and self._usage is not None:
            self._write_ahead(self._usage)

    def count(self, total: int) -> None:
        """Note what the connection has cost so far, in bytes."""
        if self._usage is not None and total > self._counted:
            self.add(total - self._counted)
            self._counted = total

    def add(self, count: int) -> None:
        """Note what was spent beside the connection, or more on it, in bytes."""
        if not self._plan.daily_bytes or self._usage is None:
            return
        self._usage = replace(self._usage, used=self._usage.used + count)
        if self._usage.used > self._written.used:
            self._write_ahead(self._usage)

    def ended(self) -> None:
        """Note that the connection has ended: what it cost is written as it is."""
        if self._plan.daily_bytes and self._usage is not None:
            self._write(self._usage)

    def takes_live(self, wire_bytes: int) -> bool:
        """Tell whether a live batch may be sent; `wire_bytes` are under way and not counted yet."""
        return not self._plan.daily_bytes or self._left() - wire_bytes > BATCH_COST

    def allowed(self, candidates: Sequence[Candidate], wire_bytes: int) -> Sequence[Candidate]:
        """Choose from batches in their order, live ones first, what may be sent of them.

        When a live batch does not fit any more, the day's budget counts as used up.
        """
        if not self._plan.daily_bytes:
            return candidates
        live_left = self._left() - wire_bytes
        history_left = live_left - self._set_aside()
        allowed = []
        for one in candidates:
            cost = one.size + BATCH_COST
            if one.live and cost > live_left:
                self._too_little = wire_bytes == 0
                break
            if one.live or cost <= history_left:
                live_left -= cost
                history_left -= cost
                allowed.append(one)
        return allowed

    def _left(self) -> int:
        used = self._usage.used if self._usage else 0
        return self._plan.daily_bytes - KEEP_BACK - used

    def _set_aside(self) -> int:
        """Tell how much is for the live readings of the rest of the day."""
        share = history_share(self._plan, self._usage or Usage(), self._now)
        return int(self._plan.daily_bytes * (1 - share))

    def _instant(self) -> Instant:
        mono_ms = self._clock.mono_ms()
        trusted = self._clock.source() is not ClockSource.UNKNOWN
        wall_ms = self._clock.wall_of(mono_ms) if trusted else None
        return Instant(self._clock.boot_id, mono_ms, wall_ms)

    def _carry_on(self) -> Usage:
        """Bring the usage to the present instant; raises StoreError when it cannot be read."""
        before = self._usage if self._usage is not None else self._read()
        since_ms, self._now = self._now.mono_ms, self._instant()
        usage = self._usage = renewed(before, self._now, self._now.mono_ms - since_ms)
        anew = usage.used < before.used
        if anew:
            self._too_little = False
        if self._plan.daily_bytes and (anew or usage.ran_ms > self._written.ran_ms + WRITE_MS):
            self._write_ahead(usage)
        return usage

    def _read(self) -> Usage:
        text = self._outbox.meta(USAGE) if self._plan.daily_bytes else None
        if text is not None:
            try:
                self._written = msgspec.json.decode(text, type=Usage)
            except msgspec.MsgspecError as error:
                _log.warning(UNREADABLE, reason=str(error))
        return self._written

    def _write_ahead(self, usage: Usage) -> None:
        """Write somewhat more than was used: a crash then gives nothing back."""
        self._write(replace(usage, used=usage.used + self._plan.daily_bytes // STEPS))

    def _write(self, usage: Usage) -> None:
        self._written = usage  # a disk that fails is tried again with the next step
        try:
            self._outbox.set_meta({USAGE: msgspec.json.encode(usage).decode()})
        except StoreError as error:
            _log.error(NOT_WRITTEN, reason=str(error))
