"""What a gateway says of itself: how it is and what it holds, and what it made of a command."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from server.catalog.gateways import note_status, remember
from server.ingest.events import Message, Outcome, Same, Status, Turn
from server.ledger import book
from server.ledger.book import Epoch, Said
from server.ledger.compare import find_comparable, find_same, following
from server.ledger.resend import find_wanted
from server.ledger.tally import read_tallies
from wire import messages, topics
from wire.batch import MAX_TIME_MS
from wire.errors import ContractError

COMMAND_ANSWERED = "command_answered"
BATCHES_COMPARED = "batches_compared"

_STATES = ("online", "offline")
_MAX_EPOCHS = 16

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """A status that can be used; `at_ms` is when its gateway was like that.

    `outboxes` are those it names as ours are named: of what does not (a salvaged name may be
    garbled) the rest is worth keeping.
    """

    message: Message
    gateway: str
    status: messages.Status
    at_ms: int
    outboxes: Sequence[Said]

    @property
    def is_live(self) -> bool:
        """Tell whether its gateway is there now, and can be asked for something."""
        return self.status.state == "online" and not self.message.retained


def read_status(message: Message, gateway: str) -> Heard:
    """Read a status; raises ContractError. A retained one is as old as it says."""
    status = messages.decode(without_nul(message.payload), messages.Status)
    if status.state not in _STATES:
        raise ContractError(f"state '{status.state[:40]}' is neither online nor offline")
    for instant in (status.at, status.rests_until):
        if instant is not None and not 0 <= instant <= MAX_TIME_MS:
            raise ContractError(f"status time {instant} lies outside the years 1970 to 9999")
    told_at = status.at if message.retained else None
    at_ms = told_at or message.received_at
    since_ms = min(at_ms, message.received_at)
    ours = [one for one in status.outbox if topics.EPOCH.fullmatch(one.epoch)][:_MAX_EPOCHS]
    said = [Said(Epoch(gateway, one.epoch), one, since_ms) for one in ours]
    return Heard(message, gateway, status, at_ms, said)


def take_status(turn: Turn, message: Message, gateway: str) -> Outcome:
    """Keep how a gateway is, and look what of its batches is missing here or there."""
    heard = read_status(message, gateway)
    remember(turn.connection, gateway, turn.now_ms)
    note_status(turn.connection, gateway, heard.status, heard.at_ms)
    for one in heard.outboxes:
        book.note_figures(
            turn.connection, one.epoch, one.figures, one.at_ms, retained=message.retained
        )
    if not heard.is_live:
        return Outcome(Status.STORED)
    tallies = read_tallies(turn.connection, gateway, [one.epoch.name for one in heard.outboxes])
    return Outcome(
        Status.STORED,
        wanted=find_wanted(turn.connection, gateway, tallies),
        comparable=find_comparable(turn.connection, gateway, tallies),
    )


def take_result(turn: Turn, message: Message, gateway: str) -> Outcome:
    """Take in what a gateway made of a command."""
    result = messages.decode(without_nul(message.payload), messages.CommandResult)
    messages.check_ranges(result.gone)
    epoch = Epoch(gateway, result.epoch)
    if result.ok and result.kind == messages.CommandKind.COMPARE:
        return Outcome(Status.STORED, same=_same(turn, epoch, result))
    lost = 0
    if result.ok and result.kind == messages.CommandKind.RESEND:
        # What it no longer has is not asked for again.
        lost = book.note_gone(turn.connection, epoch, result.gone)
    said = {"ok": result.ok, "reason": result.reason, "again": result.again, "lost": lost}
    log.info(COMMAND_ANSWERED, gateway=gateway, kind=result.kind, **said)
    return Outcome(Status.STORED)


def _same(turn: Turn, epoch: Epoch, result: messages.CommandResult) -> Same | None:
    """Find what is stored here of what a gateway named; go on behind it as long as that is any."""
    spans = find_same(turn.connection, epoch, result.blocks)
    count = sum(last - first + 1 for first, last in spans)
    log.info(BATCHES_COMPARED, gateway=epoch.gateway, blocks=len(result.blocks), same=count)
    if not spans:
        return None
    behind = max(last for _, last, _ in result.blocks)
    rest = following(turn.connection, epoch, behind) if result.more else []
    return Same(epoch, spans, rest)


def without_nul(payload: bytes) -> bytes:
    """Refuse what PostgreSQL cannot hold in text."""
    if b"\\u0000" in payload:
        raise ContractError("text holds a NUL character")
    return payload
