"""The inventory of a carried file: the one in force is never set back by an older one.

Which is older is told by when each held. Revisions do not tell: a new card counts from 1 again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import structs
from sqlalchemy import select

from server.carry.report import Announcement
from server.db.tables import datastream, gateway, journal
from server.ingest.events import Message, Outcome, Status, Turn
from server.ingest.journal import IN_ORDER, digest_of, read
from server.ingest.pipeline import Pipeline
from wire import messages
from wire.messages import DatastreamInfo, Inventory
from wire.topics import gateway_of


@dataclass(frozen=True, slots=True)
class Announced:
    """What was made of it, why if it was refused, and journal entries that may now be stored."""

    what: Announcement
    reason: str = ""
    waiting: tuple[int, ...] = ()


def announce(turn: Turn, pipeline: Pipeline, message: Message, held_at: int) -> Announced:
    """Apply the inventory that held at an instant (ms UTC), or only what it adds to a later one.

    Raises ContractError when it cannot be read.
    """
    gateway_id = gateway_of(message.topic)
    known_at = turn.connection.execute(
        select(gateway.c.inventory_at).where(gateway.c.id == gateway_id)
    ).scalar()
    last = _last(turn, message)
    if last is not None and last[1] == digest_of(message.payload):
        return Announced(Announcement.KNOWN)
    if known_at is None or last is None or held_at > known_at:
        # What changes, changes from when it held, not from when the file came.
        then = Turn(turn.connection, min(held_at, turn.now_ms), turn.alone)
        return _told(pipeline.process(then, message))
    in_force = replace(message, payload=read(turn.connection, last[0])[0].payload)
    return _add(turn, pipeline, message, in_force, held_at)


def _told(outcome: Outcome, what: Announcement = Announcement.APPLIED) -> Announced:
    if outcome.status is Status.REFUSED:
        return Announced(Announcement.REFUSED, outcome.reason)
    return Announced(what, waiting=tuple(outcome.waiting))


def _add(
    turn: Turn, pipeline: Pipeline, message: Message, in_force: Message, held_at: int
) -> Announced:
    """Add the series that only an older inventory names: what measured them has left its place.

    Journalled is both together, so that a replay finds all names, and then again what is in force.
    """
    gateway_id = gateway_of(message.topic)
    known = set(
        turn.connection.execute(
            select(datastream.c.name).where(datastream.c.gateway_id == gateway_id)
        ).scalars()
    )
    carried = messages.decode(message.payload, Inventory)
    new = [one for one in carried.datastreams if one.name not in known]
    if not new:
        return Announced(Announcement.OLDER)
    then = Turn(turn.connection, min(held_at, turn.now_ms), turn.alone)
    current = messages.decode(in_force.payload, Inventory)
    both = replace(message, payload=messages.encode(_joined(current, carried, new)))
    told = _told(pipeline.process(then, both), Announcement.OLDER)
    if told.what is not Announcement.REFUSED:
        pipeline.process(then, in_force)
    return told


def _joined(current: Inventory, older: Inventory, new: Sequence[DatastreamInfo]) -> Inventory:
    places = {f"{one.thing}/{one.id}" for one in current.sensors}
    missing = {one.sensor for one in new} - places
    sensors = [one for one in older.sensors if f"{one.thing}/{one.id}" in missing]
    things = {one.thing for one in sensors} - {one.id for one in current.things}
    return structs.replace(
        current,
        things=[*current.things, *(one for one in older.things if one.id in things)],
        sensors=[*current.sensors, *sensors],
        datastreams=[*current.datastreams, *new],
    )


def _last(turn: Turn, message: Message) -> tuple[int, bytes] | None:
    """Find the inventory in force: the newest that was not refused."""
    row = turn.connection.execute(
        select(journal.c.id, journal.c.digest)
        .where(
            journal.c.gateway == gateway_of(message.topic),
            journal.c.epoch.is_(None),
            journal.c.topic == message.topic,
            journal.c.status == Status.STORED.value,
        )
        .order_by(IN_ORDER.desc())
        .limit(1)
    ).first()
    return None if row is None else (row.id, bytes(row.digest))
