"""What passes through ingest: a message as it came, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Connection

from server.ledger.book import Epoch
from server.ledger.compare import Comparable
from server.ledger.resend import Wanted
from server.ledger.runs import Span
from server.store.port import LatestRow
from wire.errors import ContractError
from wire.topics import gateway_of

# Why a batch is refused whose outbox gives its numbers out a second time: it was copied, or put
# back from a copy, or its disk forgot. To call such a batch stored would lose what is in it.
NUMBER_TAKEN = (
    "another batch of this number is stored: the gateway's outbox was put back from a copy, or its "
    "disk forgot what it had written; the gateway sends the batch again under a new number"
)


class Status(StrEnum):
    """What became of a message; the words of the journal's `status`."""

    STORED = "stored"
    REFUSED = "refused"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the broker gave it. `delivery` lets the consumer acknowledge it.

    `gateway` is what the topic names, "" for a topic that names none.
    """

    topic: str
    payload: bytes
    received_at: int
    retained: bool = False
    delivery: "Delivery | None" = None
    gateway: str = field(init=False)

    def __post_init__(self) -> None:
        """Look once: it is asked for at every step."""
        object.__setattr__(self, "gateway", _gateway_of(self.topic))


@dataclass(frozen=True, slots=True)
class Delivery:
    """One QoS 1 delivery: its packet id counts only within the connection it came by."""

    connection: int
    packet_id: int


@dataclass(frozen=True, slots=True)
class WaitingBatch:
    """A journalled batch whose inventory may have come, and whose it is."""

    journal_id: int
    gateway: str = ""


Work = Message | WaitingBatch


@dataclass(frozen=True, slots=True)
class BatchId:
    """The identity of a batch: storing it twice changes nothing."""

    gateway: str
    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message, once the transaction commits.

    `batch` is set where the gateway awaits a receipt; `waiting` lists journal entries that an
    inventory may have set free; `observations` counts what went to the store; `wanted` is what a
    gateway takes for delivered and is not here, `comparable` what it means to send and may be here,
    `same` what is.
    """

    status: Status
    reason: str = ""
    batch: BatchId | None = None
    observations: int = 0
    latest: Sequence[LatestRow] = ()
    waiting: Sequence[int] = ()
    wanted: Sequence[Wanted] = ()
    comparable: Sequence[Comparable] = ()
    same: "Same | None" = None


@dataclass(frozen=True, slots=True)
class Same:
    """Batches that a gateway has yet to see confirmed and that are stored here as they are there.

    `rest` is where more of them may be.
    """

    epoch: Epoch
    spans: Sequence[Span]
    rest: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """The transaction a message is taken in, and when.

    `alone` tells that no other message shares it: a limit of the database that is met, is met
    because of this message.
    """

    connection: Connection
    now_ms: int
    alone: bool


def _gateway_of(topic: str) -> str:
    try:
        return gateway_of(topic)
    except ContractError:
        return ""
