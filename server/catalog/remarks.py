"""What an inventory says that cannot be used as it is said: kept with its gateway, for people."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from server.db.members import among
from server.db.tables import gateway

# So many are kept and told; the rest are counted.
MAX_REMARKS = 200


class Kind(StrEnum):
    """What became of what a remark is about."""

    UNKNOWN = "unknown"  # a series that is stored as it comes: its property or unit is not known
    LEFT_OUT = "left_out"  # a series whose readings are kept in the journal, and nowhere else
    NOT_READ = "not_read"  # a sensor that its gateway does not read
    NOTED = "noted"  # taken, but for one thing


_WORDS = {
    Kind.UNKNOWN: "is stored as it comes",
    Kind.LEFT_OUT: "is left out",
    Kind.NOT_READ: "is not read by its gateway",
    Kind.NOTED: "is taken, but",
}


class Remark(msgspec.Struct, frozen=True):
    """What there is to say of a series (thing/sensor/property) or a sensor (thing/sensor)."""

    about: str
    kind: Kind
    reason: str

    def __str__(self) -> str:
        """Write it as one clause."""
        return f"'{self.about}' {_WORDS[self.kind]}: {self.reason}"


def note_remarks(connection: Connection, gateway_id: str, remarks: Sequence[Remark]) -> None:
    """Keep what there is to say of the inventory in force; those that leave out are never cut."""
    ordered = _by_weight(remarks)
    kept = [one for at, one in enumerate(ordered) if at < MAX_REMARKS or one.kind is Kind.LEFT_OUT]
    said: Any = [msgspec.to_builtins(one) for one in kept] or None
    own = gateway.c.id == gateway_id
    known = connection.execute(select(gateway.c.remarks).where(own)).scalar()
    if known != said:
        connection.execute(update(gateway).where(own).values(remarks=said))


def read_left_out(connection: Connection, gateway_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Read which series are left out, and why, by gateway and name."""
    rows = connection.execute(
        select(gateway.c.id, gateway.c.remarks).where(
            among(connection, gateway.c.id, gateway_ids), gateway.c.remarks.is_not(None)
        )
    )
    return {id_: left_out(msgspec.convert(said, list[Remark])) for id_, said in rows}


def left_out(remarks: Sequence[Remark]) -> dict[str, str]:
    """Give the reason of each series that is left out, by name."""
    return {one.about: one.reason for one in remarks if one.kind is Kind.LEFT_OUT}


def in_words(remarks: Sequence[Remark]) -> str:
    """Say it for the journal."""
    return "; ".join(map(str, _by_weight(remarks)))


def _by_weight(remarks: Sequence[Remark]) -> list[Remark]:
    """Put first what costs readings."""
    weights = (Kind.LEFT_OUT, Kind.NOT_READ, Kind.UNKNOWN, Kind.NOTED)
    return sorted(remarks, key=lambda one: weights.index(one.kind))
