"""What goes into the database in one transaction: plain batches and statuses in bulk, the rest not.

A gateway keeps its order: from the first of its messages that is not plain on, all of them are
taken one by one, after the others. Of what is plain, batches go before statuses: they may come in
any order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from server.ingest.bulk.bundle import Bundle, Prepared, bundle, prepare
from server.ingest.bulk.names import Names
from server.ingest.bulk.statuses import plain_status
from server.ingest.bulk.taking import FEW
from server.ingest.events import BatchId, Message, Work
from server.ingest.reports import Heard

PREPARING_FAILED = "preparing_failed"

# What a group holds at most, in readings or what takes as long: a tenth of a second on a small
# server. What is live waits for it.
MAX_COST = 20_000
# What a batch costs beyond its readings, and what is taken by itself: some ten statements.
_BATCH_COST = 10
_SINGLE_COST = 500
_STATUS_COST = 25
# How far from the first of its epoch a number may be: the ledger is read from the lowest to the
# highest.
MAX_REACH = 1_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Work for one transaction, in this order; what is in `singles` keeps the order it has."""

    ready: Bundle | None
    statuses: Sequence[Heard]
    singles: Sequence[Work]
    cost: int

    @property
    def works(self) -> list[Work]:
        """List all that is in it, in order."""
        bundled = self.ready.prepared if self.ready else ()
        told = (one.message for one in self.statuses)
        return [*(one.message for one in bundled), *told, *self.singles]

    @property
    def gateways(self) -> list[str]:
        """Name those of whom it holds something, each once, the first first."""
        bundled = self.ready.prepared if self.ready else ()
        named = [one.id.gateway for one in bundled] + [one.gateway for one in self.statuses]
        named += [one.gateway for one in self.singles]
        return [one for one in dict.fromkeys(named) if one]


@dataclass(slots=True)
class Gathering:
    """Puts work together as long as there is room; `limit` is in readings."""

    names: Names
    limit: int = MAX_COST
    cost: int = 0
    _prepared: list[Prepared] = field(default_factory=list)
    _statuses: list[Heard] = field(default_factory=list)
    _singles: list[Work] = field(default_factory=list)
    _ids: set[BatchId] = field(default_factory=set)
    _first: dict[tuple[str, str], int] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set)

    @property
    def is_full(self) -> bool:
        """Tell whether no more should go in."""
        return self.cost >= self.limit

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing is in it."""
        return not self.cost

    def add(self, work: Work) -> None:
        """Take work in: into a bundle if it is a plain batch or status, else by itself."""
        prepared = self._prepare(work)
        if prepared is not None:
            self._ids.add(prepared.id)
            self._prepared.append(prepared)
            self.cost += _BATCH_COST + len(prepared.decoded.batch)
            return
        heard = self._hear(work)
        if heard is not None:
            self._statuses.append(heard)
            self.cost += _STATUS_COST
            return
        self._held.add(work.gateway)
        self._singles.append(work)
        self.cost += _SINGLE_COST + (len(work.payload) if isinstance(work, Message) else 0)

    def close(self) -> Group:
        """Check and derive what is bundled: nothing more can be added."""
        if len(self._prepared) >= FEW:
            try:
                return Group(bundle(self._prepared), self._statuses, self._singles, self.cost)
            except Exception:  # the top of a bundle: one by one, the others of it are taken
                log.exception(PREPARING_FAILED, batches=len(self._prepared))
        unbundled = [one.message for one in self._prepared]
        return Group(None, self._statuses, [*unbundled, *self._singles], self.cost)

    def _prepare(self, work: Work) -> Prepared | None:
        """Read a batch; None for what must be taken by itself."""
        if not isinstance(work, Message) or work.gateway in self._held:
            return None
        try:
            prepared = prepare(work, self.names)
        except Exception:  # the top of a message: by itself, it is refused with the reason
            log.exception(PREPARING_FAILED, topic=work.topic)
            return None
        if prepared is None or prepared.id in self._ids or self._is_far(prepared.id):
            return None
        return prepared

    def _hear(self, work: Work) -> Heard | None:
        """Read a status; None for what must be taken by itself."""
        if not isinstance(work, Message) or work.gateway in self._held:
            return None
        try:
            return plain_status(work)
        except Exception:  # as above
            log.exception(PREPARING_FAILED, topic=work.topic)
            return None

    def _is_far(self, batch: BatchId) -> bool:
        """Tell whether a number lies so far from the others of its epoch that much lies between."""
        first = self._first.setdefault((batch.gateway, batch.epoch), batch.seq)
        return abs(batch.seq - first) > MAX_REACH


def group_of(works: Sequence[Work], names: Names) -> Group:
    """Make a group of so much work, whatever it costs."""
    gathering = Gathering(names)
    for one in works:
        gathering.add(one)
    return gathering.close()


def split(group: Group, free: Iterable[str], names: Names) -> tuple[Group, list[Work]]:
    """Leave only the work of some gateways, and what names none; give the rest beside it."""
    allowed = {*free, ""}
    if allowed.issuperset(group.gateways):
        return group, []
    mine: list[Work] = []
    left: list[Work] = []
    for one in group.works:
        (mine if one.gateway in allowed else left).append(one)
    return group_of(mine, names), left
