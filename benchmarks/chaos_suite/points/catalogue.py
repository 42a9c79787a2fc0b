"""The named points: of whose work, after which events, and who is killed there. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.chaos_suite.points.events import Thread, Way, What
from benchmarks.chaos_suite.points.trap import Sight
from benchmarks.chaos_suite.schedule import BROKER, DATABASE, SERVER, Profile

# Stands for the gateway that is drawn.
GATEWAY = "gateway"

# What is said too early gets out before the kill.
_LONG_S = 0.3
# What is passed on arrives before the kill.
_SHORT_S = 0.05


@dataclass(frozen=True, slots=True)
class Trigger:
    """How a point is known, who is killed there, and how long after it was reached (seconds).

    For the rest see Trap. A trigger at a disk kills at once.
    """

    victim: str
    steps: tuple[Sight, ...]
    withheld: Sight | None = None
    passes: bool = False
    grace_s: float = _LONG_S


@dataclass(frozen=True, slots=True)
class Point:
    """A named point. A profile that has no trigger for it has no such point."""

    means: str
    triggers: Mapping[Profile, Trigger]


class Name(StrEnum):
    """All points, in the order of a reading's way."""

    BEFORE_OUTBOX_COMMIT = "before-outbox-commit"
    IN_OUTBOX_COMMIT = "in-outbox-commit"
    AFTER_OUTBOX_COMMIT = "after-outbox-commit"
    BEFORE_SEAL = "before-seal"
    AFTER_SEAL = "after-seal"
    BEFORE_PUBLISH = "before-publish"
    AFTER_PUBLISH = "after-publish"
    AFTER_PUBLISH_BROKER = "after-publish-broker"
    AFTER_PUBACK = "after-puback"
    AFTER_PUBACK_BROKER = "after-puback-broker"
    AFTER_JOURNAL = "after-journal"
    BEFORE_COPY = "before-copy"
    AFTER_COPY = "after-copy"
    AFTER_COPY_DATABASE = "after-copy-database"
    BEFORE_COMMIT = "before-commit"
    IN_COMMIT = "in-commit"
    AFTER_COMMIT = "after-commit"
    AFTER_COMMIT_DATABASE = "after-commit-database"
    BEFORE_RECEIPT = "before-receipt"
    RECEIPT_AT_BROKER = "receipt-at-broker"
    RECEIPT_LOST = "receipt-lost"
    BEFORE_RECEIPT_KEPT = "before-receipt-kept"
    AFTER_RECEIPT_KEPT = "after-receipt-kept"


def _both(trigger: Trigger) -> Mapping[Profile, Trigger]:
    return {Profile.EMBEDDED: trigger, Profile.FULL: trigger}


def _full(trigger: Trigger) -> Mapping[Profile, Trigger]:
    return {Profile.FULL: trigger}


def _at_outbox(what: What, thread: Thread) -> Sight:
    return Sight(what, GATEWAY, thread=thread)


_RECEIPT = Sight(What.RECEIPT, GATEWAY, Way.DOWN)
_PUBLISH = Sight(What.PUBLISH, GATEWAY, Way.UP)
_PUBACK = Sight(What.PUBACK, GATEWAY, Way.DOWN)
_SEALED = _at_outbox(What.SYNCED, Thread.UPLINK)


def _gateway(
    *steps: Sight, withheld: Sight | None = None, passes: bool = False
) -> Mapping[Profile, Trigger]:
    return _both(Trigger(GATEWAY, steps, withheld, passes, _SHORT_S if passes else _LONG_S))


def _sealing(what: What) -> Mapping[Profile, Trigger]:
    """Seal is all that the uplink's thread writes while no receipt reaches it."""
    return _gateway(_at_outbox(what, Thread.UPLINK), withheld=_RECEIPT)


def _confirming(what: What) -> Mapping[Profile, Trigger]:
    """Let the receipt through when a seal is done: the next seal is a second away."""
    return _gateway(_SEALED, _RECEIPT, _at_outbox(what, Thread.UPLINK), withheld=_RECEIPT)


def _server(what: What, way: Way, victim: str = SERVER, *, passes: bool = False) -> Trigger:
    """Name a point on the server's wire to the database; what passes on, races with the kill."""
    steps = (Sight(what, DATABASE, way),)
    return Trigger(victim, steps, None, passes, 0.0 if passes else _LONG_S)


def _storing(full: Trigger, embedded: What) -> Mapping[Profile, Trigger]:
    """In the embedded profile the server's commit is seen at its disk, after the broker's PUBACK.

    That of a gateway for a batch which the server, broker and all, has just taken.
    """
    steps = (_PUBACK, Sight(embedded, SERVER))
    return {Profile.FULL: full, Profile.EMBEDDED: Trigger(SERVER, steps)}


POINTS: Mapping[str, Point] = {
    Name.BEFORE_OUTBOX_COMMIT: Point(
        "the gateway, before the commit of what a bus has read is written",
        _gateway(_at_outbox(What.WRITE, Thread.BUS)),
    ),
    Name.IN_OUTBOX_COMMIT: Point(
        "the gateway, when that commit is written and not yet synced",
        _gateway(_at_outbox(What.SYNC, Thread.BUS)),
    ),
    Name.AFTER_OUTBOX_COMMIT: Point(
        "the gateway, when that commit is synced and nobody knows of it",
        _gateway(_at_outbox(What.SYNCED, Thread.BUS)),
    ),
    Name.BEFORE_SEAL: Point(
        "the gateway, before the commit that seals a batch is written", _sealing(What.WRITE)
    ),
    Name.AFTER_SEAL: Point(
        "the gateway, when a batch is sealed and nothing of it sent", _sealing(What.SYNCED)
    ),
    Name.BEFORE_PUBLISH: Point(
        "the gateway, when a batch's PUBLISH has left it and reached nobody", _gateway(_PUBLISH)
    ),
    Name.AFTER_PUBLISH: Point(
        "the gateway, when a PUBLISH is at the broker and no PUBACK is back",
        _gateway(_PUBLISH, passes=True),
    ),
    Name.AFTER_PUBLISH_BROKER: Point(
        "the broker, when it has a PUBLISH and no PUBACK is back",
        {
            profile: Trigger(victim, (_PUBLISH,), None, passes=True, grace_s=0.0)
            for profile, victim in ((Profile.FULL, BROKER), (Profile.EMBEDDED, SERVER))
        },
    ),
    Name.AFTER_PUBACK: Point(
        "the gateway, when it has the PUBACK and no receipt", _gateway(_PUBACK, passes=True)
    ),
    Name.AFTER_PUBACK_BROKER: Point(
        "the broker, when the gateway has the PUBACK and the server nothing",
        _full(
            Trigger(BROKER, (_PUBACK,), withheld=Sight(What.PUBLISH, BROKER, Way.DOWN), passes=True)
        ),
    ),
    Name.AFTER_JOURNAL: Point(
        "the server, when the journal's row is in the open transaction",
        _full(_server(What.JOURNAL_DONE, Way.DOWN)),
    ),
    Name.BEFORE_COPY: Point(
        "the server, before the observations are copied", _full(_server(What.COPY, Way.UP))
    ),
    Name.AFTER_COPY: Point(
        "the server, when the observations are copied", _full(_server(What.COPY_DONE, Way.DOWN))
    ),
    Name.AFTER_COPY_DATABASE: Point(
        "the database, when the observations are copied",
        _full(_server(What.COPY_DONE, Way.DOWN, DATABASE)),
    ),
    Name.BEFORE_COMMIT: Point(
        "the server, before its commit has reached database or disk",
        _storing(_server(What.COMMIT, Way.UP), What.WRITE),
    ),
    Name.IN_COMMIT: Point(
        "database or embedded server, somewhere in the commit",
        _storing(_server(What.COMMIT, Way.UP, DATABASE, passes=True), What.SYNC),
    ),
    Name.AFTER_COMMIT: Point(
        "the server, when its commit is done and it does not know",
        _storing(_server(What.COMMIT_DONE, Way.DOWN), What.SYNCED),
    ),
    Name.AFTER_COMMIT_DATABASE: Point(
        "the database, when it has committed and nobody knows",
        _full(_server(What.COMMIT_DONE, Way.DOWN, DATABASE)),
    ),
    Name.BEFORE_RECEIPT: Point(
        "the server, when it has sent a receipt that reached nobody",
        _full(Trigger(SERVER, (Sight(What.RECEIPT, BROKER, Way.UP),))),
    ),
    Name.RECEIPT_AT_BROKER: Point(
        "the server (with its broker, if embedded), when the broker has the receipt and the"
        " gateway does not",
        _both(Trigger(SERVER, (_RECEIPT,))),
    ),
    Name.RECEIPT_LOST: Point(
        "the broker, when it has the receipt and the gateway does not",
        _full(Trigger(BROKER, (_RECEIPT,))),
    ),
    Name.BEFORE_RECEIPT_KEPT: Point(
        "the gateway, when it has the receipt and its commit is not written",
        _confirming(What.WRITE),
    ),
    Name.AFTER_RECEIPT_KEPT: Point(
        "the gateway, when it has noted the receipt in its outbox", _confirming(What.SYNCED)
    ),
}


def names(profile: Profile) -> list[str]:
    """Name the points that a profile has.

    SQLite writes nothing of a transaction before its commit, so that with it all between journal
    and commit is one point; and the embedded broker ends with the server.
    """
    return [name for name, point in POINTS.items() if profile in point.triggers]
