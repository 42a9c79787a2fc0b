"""Carries out what the server asks for, and says what came of it."""

import structlog

from gateway.errors import StoreError
from gateway.outbox import Outbox
from wire import messages
from wire.messages import MAX_GONE, MAX_RESENT, Command, CommandKind, CommandResult

RESENDING = "batches_asked_for_again"

_log = structlog.get_logger(__name__)


def carry_out(payload: bytes, outbox: Outbox) -> CommandResult:
    """Do what a command says; raises ContractError for one that cannot be read."""
    command = messages.decode(payload, Command)
    messages.check_ranges(command.ranges)
    if command.kind != CommandKind.RESEND:
        return _not_done(command, f"this gateway knows no command '{command.kind[:40]}'")
    if command.epoch != outbox.epoch:
        return _not_done(command, "another outbox is in use; batches of that epoch are not in it")
    try:
        found = outbox.recall(command.ranges, MAX_RESENT)
    except StoreError as error:
        return _not_done(command, str(error)[:200])
    _log.info(RESENDING, again=found.again, gone=len(found.gone))
    return CommandResult(
        kind=command.kind,
        ok=True,
        epoch=command.epoch,
        again=found.again,
        gone=found.gone[:MAX_GONE],  # the rest is asked for again
    )


def _not_done(command: Command, reason: str) -> CommandResult:
    return CommandResult(kind=command.kind, ok=False, reason=reason, epoch=command.epoch)
