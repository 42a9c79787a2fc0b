"""Carries out what the server asks for, and says what came of it."""

from collections.abc import Callable, Iterator, Sequence

import structlog

from gateway.errors import StoreError
from gateway.outbox import Outbox
from wire import messages
from wire.messages import (
    BLOCK_BATCHES,
    MAX_BLOCKS,
    MAX_GONE,
    MAX_RESENT,
    Block,
    Command,
    CommandKind,
    CommandResult,
)

RESENDING = "batches_asked_for_again"
COMPARED = "batches_compared"

_log = structlog.get_logger(__name__)


def carry_out(payload: bytes, outbox: Outbox, forget: Callable[[], int]) -> CommandResult:
    """Do what a command says; raises ContractError for one that cannot be read.

    `forget` has all that the broker acknowledged sent once more, and counts it.
    """
    command = messages.decode(payload, Command)
    messages.check_ranges(command.ranges)
    if command.kind not in (CommandKind.RESEND, CommandKind.COMPARE):
        return _not_done(command, f"this gateway knows no command '{command.kind[:40]}'")
    if command.kind == CommandKind.RESEND and not command.epoch and not command.ranges:
        again = forget()
        _log.info(RESENDING, again=again, gone=0)
        return CommandResult(kind=command.kind, ok=True, again=again)
    if command.epoch != outbox.epoch:
        return _not_done(command, "another outbox is in use; batches of that epoch are not in it")
    do = _resend if command.kind == CommandKind.RESEND else _compare
    try:
        return do(command, outbox)
    except StoreError as error:
        return _not_done(command, str(error)[:200])


def _resend(command: Command, outbox: Outbox) -> CommandResult:
    found = outbox.recall(messages.joined(command.ranges), MAX_RESENT)
    _log.info(RESENDING, again=found.again, gone=len(found.gone))
    return CommandResult(
        kind=command.kind,
        ok=True,
        epoch=command.epoch,
        again=found.again,
        gone=found.gone[:MAX_GONE],  # the rest is asked for again
    )


def _compare(command: Command, outbox: Outbox) -> CommandResult:
    blocks: list[Block] = []
    more = False
    for found in _unconfirmed(command, outbox):
        fresh = _blocks(found)
        more = len(blocks) + len(fresh) > MAX_BLOCKS
        if more:
            break
        blocks += fresh
    _log.info(COMPARED, blocks=len(blocks))
    return CommandResult(kind=command.kind, ok=True, epoch=command.epoch, blocks=blocks, more=more)


def _unconfirmed(command: Command, outbox: Outbox) -> Iterator[list[tuple[int, bytes]]]:
    """Give what a command asks about, as much at a time as one block may hold."""
    for first, last in messages.joined(command.ranges):
        start = first
        while found := outbox.digests((start, last), BLOCK_BATCHES):
            yield found
            start = found[-1][0] + 1


def _blocks(found: Sequence[tuple[int, bytes]]) -> list[Block]:
    """Put consecutive batches together under one digest."""
    digests = dict(found)
    return [
        (first, last, messages.block_digest(digests[seq] for seq in range(first, last + 1)))
        for first, last in messages.ranges(list(digests))
    ]


def _not_done(command: Command, reason: str) -> CommandResult:
    return CommandResult(kind=command.kind, ok=False, reason=reason, epoch=command.epoch)
