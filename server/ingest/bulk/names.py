"""The names of each gateway's datastreams: read once, shared by threads, noticed when changed.

What is read belongs to a version, which every inventory that brings something new moves on. A
transaction that uses what was read in an earlier one compares the versions first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from server.catalog.gateways import Revisions, Version, read_versions
from server.catalog.resolve import DerivedRef, SeriesRef, load_all
from server.catalog.standing import BEGINNING_MS
from server.ingest.arrays import usable
from server.ingest.events import Turn, Work
from server.ingest.inbox import is_batch
from server.store.port import Floats, Int32s
from wire.catalogue import SensorModel
from wire.errors import ContractError

NAMES_NOT_READ = "names_not_read"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """The datastreams of a batch, in its order; `limits` are the spans, a row a datastream.

    `derived` lists what is computed from which of them; among `no_values` are the numbers that
    stand for none. All this holds from `since_ms` on.
    """

    refs: Sequence[SeriesRef]
    ids: Int32s
    limits: Floats
    derived: Sequence[tuple[int, DerivedRef]]
    no_values: frozenset[float]
    since_ms: int = BEGINNING_MS


class Directory:
    """A gateway's datastreams by name, in arrays: batches name them in any order."""

    def __init__(self, refs: Mapping[str, SeriesRef]) -> None:
        """Lay out those that may stand in a batch."""
        self._refs = refs
        sent = {name: ref for name, ref in refs.items() if not (ref.is_derived or ref.left_out)}
        spans = [ref.span or (-np.inf, np.inf) for ref in sent.values()]
        self._places = {name: place for place, name in enumerate(sent)}
        self._ids = np.array([ref.datastream_id for ref in sent.values()], dtype=np.int32)
        self._limits = np.array(spans, dtype=np.float64).reshape(len(sent), 2)
        self._changed = any(ref.before for ref in sent.values())
        self._derives = any(ref.derived for ref in sent.values())
        self._no_values = frozenset(one.value for ref in sent.values() for one in ref.no_values)

    def resolve(self, names: Sequence[str]) -> Resolved:
        """Find datastreams by name; raises UnannouncedError or ContractError.

        Also when some are left out: a batch of such is no plain one.
        """
        places = self._places
        try:
            at = [places[name] for name in names]
        except KeyError:
            usable(names, self._refs)
            raise ContractError("some of its series are left out") from None
        own = [self._refs[name] for name in names]
        derived: Sequence[tuple[int, DerivedRef]] = ()
        if self._derives:
            derived = [(index, one) for index, ref in enumerate(own) for one in ref.derived]
        since_ms = max((ref.since_ms for ref in own), default=0) if self._changed else BEGINNING_MS
        return Resolved(own, self._ids[at], self._limits[at], derived, self._no_values, since_ms)


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A gateway's datastreams, and in which version they were read.

    `turn` is the transaction that did, and None when it was one that only read.
    """

    refs: Mapping[str, SeriesRef]
    directory: Directory
    turn: Turn | None
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
        return self._read(turn.connection, [gateway], turn)[gateway]

    def meet(self, connection: Connection, gateways: Iterable[str]) -> None:
        """Read the datastreams of those that are not known yet, all at once.

        What an inventory changes meanwhile is noticed before they are used.
        """
        strangers = [one for one in dict.fromkeys(gateways) if one not in self._known]
        if strangers:
            self._read(connection, strangers, None)

    def _read(
        self, connection: Connection, gateways: Sequence[str], turn: Turn | None
    ) -> dict[str, Known]:
        """Read gateways' datastreams, and before that the versions that they are at least of."""
        versions = read_versions(connection, gateways)
        read = {
            gateway: Known(refs, Directory(refs), turn, _inventory(versions.get(gateway)))
            for gateway, refs in load_all(connection, gateways, self.catalogue).items()
        }
        self._known.update(read)
        return read

    def forget(self, gateway: str) -> None:
        """Have a gateway's datastreams read anew."""
        self._known.pop(gateway, None)

    def clear(self) -> None:
        """Have all read anew."""
        self._known.clear()

    def forget_changed(self, connection: Connection, gateways: Iterable[str]) -> dict[str, int]:
        """Forget those of which another program has taken an inventory since they were read.

        To be called when nobody else can: after the gateways are locked. Gives how often the
        watches of each have changed by now.
        """
        read = {one: known.version for one in gateways if (known := self._known.get(one))}
        if not read:
            return {}
        now = read_versions(connection, list(read))
        for gateway, version in read.items():
            if _inventory(now.get(gateway)) != version:
                self.forget(gateway)
        return {gateway: found.watches for gateway, found in now.items()}


def _inventory(found: Revisions | None) -> Version | None:
    return found.inventory if found else None


class Strangers:
    """Gets to know gateways when their first batches have come, many at once."""

    def __init__(self, engine: Engine, names: Names) -> None:
        """Prepare; each time a connection of its own is borrowed from `engine`."""
        self._engine = engine
        self._names = names

    def meet(self, works: Sequence[Work]) -> None:
        """Read the names of all whose batches are among these.

        Where that fails they stay unknown: their batches are taken one by one, each reads what it
        needs, and is told what is wrong.
        """
        strangers = {
            one.gateway for one in works if self._names.get(one.gateway) is None and is_batch(one)
        }
        if not strangers:
            return
        try:
            with self._engine.connect() as connection:
                self._names.meet(connection, sorted(strangers))
        except ContractError as error:  # of one of them
            log.warning(NAMES_NOT_READ, gateways=len(strangers), error=str(error))
        except SQLAlchemyError:  # who writes finds it out as well, and says so
            return
