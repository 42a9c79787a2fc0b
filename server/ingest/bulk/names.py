"""The names of each gateway's datastreams: read once, shared by threads, noticed when changed.

What is read belongs to a version, which every inventory that brings something new moves on. A
transaction that uses what was read in an earlier one compares the versions first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection

from server.catalog.gateways import Version, read_versions
from server.catalog.resolve import DerivedRef, SeriesRef, load_series
from server.ingest.arrays import refuse_unusable
from server.ingest.events import Turn
from server.store.port import Floats, Int32s
from wire.catalogue import SensorModel


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """The datastreams of a batch, in its order; `limits` are the spans, a row a datastream.

    `derived` lists what is computed from which of them; among `no_values` are the numbers that
    stand for none.
    """

    refs: Sequence[SeriesRef]
    ids: Int32s
    limits: Floats
    derived: Sequence[tuple[int, DerivedRef]]
    no_values: frozenset[float]


class Directory:
    """A gateway's datastreams by name, in arrays: batches name them in any order."""

    def __init__(self, refs: Mapping[str, SeriesRef]) -> None:
        """Lay out those that may stand in a batch."""
        self._refs = refs
        sent = {name: ref for name, ref in refs.items() if not ref.is_derived}
        spans = [ref.span or (-np.inf, np.inf) for ref in sent.values()]
        self._places = {name: place for place, name in enumerate(sent)}
        self._ids = np.array([ref.datastream_id for ref in sent.values()], dtype=np.int32)
        self._limits = np.array(spans, dtype=np.float64).reshape(len(sent), 2)
        self._derives = any(ref.derived for ref in sent.values())
        self._no_values = frozenset(one.value for ref in sent.values() for one in ref.no_values)

    def resolve(self, names: Sequence[str]) -> Resolved:
        """Find datastreams by name; raises UnannouncedError or ContractError."""
        places = self._places
        try:
            at = [places[name] for name in names]
        except KeyError:
            refuse_unusable(names, self._refs)
            raise
        own = [self._refs[name] for name in names]
        derived: Sequence[tuple[int, DerivedRef]] = ()
        if self._derives:
            derived = [(index, one) for index, ref in enumerate(own) for one in ref.derived]
        return Resolved(own, self._ids[at], self._limits[at], derived, self._no_values)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A gateway's datastreams, and in which transaction and version they were read."""

    refs: Mapping[str, SeriesRef]
    directory: Directory
    turn: Turn
    version: Version | None


@dataclass(slots=True)
class Names:
    """What is known of each gateway. Threads may share it: entries are replaced, not changed."""

    catalogue: Mapping[str, SensorModel]
    _known: dict[str, Known] = field(default_factory=dict)

    def get(self, gateway: str) -> Known | None:
        """Give what was read of a gateway, if it was."""
        return self._known.get(gateway)

    def load(self, turn: Turn, gateway: str) -> Known:
        """Read a gateway's datastreams."""
        version = read_versions(turn.connection, [gateway]).get(gateway)
        refs = load_series(turn.connection, gateway, self.catalogue)
        known = self._known[gateway] = Known(refs, Directory(refs), turn, version)
        return known

    def forget(self, gateway: str) -> None:
        """Have a gateway's datastreams read anew."""
        self._known.pop(gateway, None)

    def clear(self) -> None:
        """Have all read anew."""
        self._known.clear()

    def forget_changed(self, connection: Connection, gateways: Iterable[str]) -> None:
        """Forget those of which another program has taken an inventory since they were read.

        To be called when nobody else can: after the gateways are locked.
        """
        read = {one: known.version for one in gateways if (known := self._known.get(one))}
        if not read:
            return
        now = read_versions(connection, list(read))
        for gateway, version in read.items():
            if now.get(gateway) != version:
                self.forget(gateway)
