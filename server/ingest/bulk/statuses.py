"""Statuses of many gateways at once: one statement a step, whatever their number.

What comes of it is what would come of them one by one. A gateway that has said several things is
taken in as many rounds, so that each is told by what stood before it: a status is more than the
last word, for it may name an outbox that the next one does not.
"""

from collections.abc import Iterator, Sequence

import structlog

from server.catalog.gateways import Told, note_statuses
from server.db.faults import is_database_fault
from server.ingest.events import Message, Outcome, Status, Turn
from server.ingest.reports import Heard, read_status
from server.ledger import book
from server.ledger.compare import find_comparable_of
from server.ledger.resend import find_wanted
from server.ledger.tally import read_tallies_of
from wire import topics
from wire.errors import ContractError

STATUSES_FAILED = "statuses_failed"

log = structlog.get_logger(__name__)


def plain_status(message: Message) -> Heard | None:
    """Read a status; None for what is none, or must be looked at by itself.

    That is also one of an outbox whose readings were carried over: its ranges are laid one by one.
    """
    try:
        topic = topics.parse_up(message.topic)
        if not isinstance(topic, topics.StatusTopic):
            return None
        heard = read_status(message, topic.gateway)
    except ContractError:
        return None
    named = {one.epoch for one in heard.outboxes}
    if len(named) < len(heard.outboxes):
        return None
    if any(one.figures.closed and one.figures.carried for one in heard.outboxes):
        return None
    return heard


def take_statuses(turn: Turn, heard: Sequence[Heard]) -> Sequence[Outcome | None]:
    """Keep how gateways are; None for each that must go by itself: all, where it cannot be done.

    Raises what the database itself is to blame for.
    """
    nothing = [None] * len(heard)
    if not heard or turn.connection.dialect.name != "postgresql":
        return nothing
    try:
        with turn.connection.begin_nested():
            found = {id(one): out for some in _rounds(heard) for one, out in _take(turn, some)}
    except Exception as error:
        if is_database_fault(error, alone=turn.alone):
            raise
        log.exception(STATUSES_FAILED, statuses=len(heard))
        return nothing
    return [found[id(one)] for one in heard]


def _rounds(heard: Sequence[Heard]) -> Iterator[list[Heard]]:
    """Give the first word of each gateway, then the second of each that has one, and so on."""
    rounds: list[list[Heard]] = []
    said: dict[str, int] = {}
    for one in heard:
        number = said[one.gateway] = said.get(one.gateway, -1) + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(one)
    yield from rounds


def _take(turn: Turn, heard: Sequence[Heard]) -> Iterator[tuple[Heard, Outcome]]:
    """Take one status of each of some gateways."""
    connection = turn.connection
    note_statuses(
        connection, [Told(one.gateway, one.status, one.at_ms) for one in heard], turn.now_ms
    )
    for retained in (False, True):
        some = [one for one in heard if one.message.retained is retained]
        book.note_all_figures(
            connection, [said for one in some for said in one.outboxes], retained=retained
        )
    live = [one for one in heard if one.is_live]
    epochs = [said.epoch for one in live for said in one.outboxes]
    tallies = read_tallies_of(connection, epochs) if epochs else {}
    comparable = find_comparable_of(connection, tallies)
    for one in heard:
        wanted = find_wanted(connection, one.gateway, tallies.get(one.gateway, ()))
        found = comparable.get(one.gateway, ())
        yield one, Outcome(Status.STORED, wanted=wanted, comparable=found)
