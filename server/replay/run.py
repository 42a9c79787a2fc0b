"""A replay as a whole: inventories, then what was refused, then what is stored, piece by piece.

Every piece is one short transaction, so that ingest beside it is never held up for long; whatever
is committed stays when it is stopped, and a second run finds nothing left to do there.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from server.db.locks import lock_gateways
from server.hypertable.horizon import read_door
from server.quality.timing import FUTURE_TOLERANCE_MS
from server.replay import selection
from server.replay.decoding import Entry, Failed, Made, make, read_entries
from server.replay.merging import Merged, merge, slices
from server.replay.retrying import Tried, foresee, is_open, retry
from server.replay.selection import Span, Window
from server.replay.timeline import (
    Renewal,
    Timeline,
    apply_anew,
    newest_inventory,
    read_inventories,
    read_timeline,
)
from server.replay.writing import difference, write
from server.store.engines import store_for
from wire.catalogue import SensorModel

_LONGEST_REST_S = 0.5


@dataclass(frozen=True, slots=True)
class Order:
    """What to replay. The span is of measured time; for what was refused, of the receipt."""

    gateway: str
    span: Span
    only_refused: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class Tally:
    """What a replay has done so far: entries taken up, observations, and reasons with counts.

    `kept` counts stored entries that cannot be used any more: their observations stay as they are.
    `reached_ms` is the measured instant up to which all is done.
    """

    entries: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    stored: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    reached_ms: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One piece done: how many entries of how many, in this part of the work."""

    what: str
    done: int
    total: int


class Replay:
    """One replay; `steps` does it, and `tally` may be read at any time."""

    def __init__(
        self,
        engine: Engine,
        catalogue: Mapping[str, SensorModel],
        order: Order,
        clock: Callable[[], int],
    ) -> None:
        """Prepare; `clock` gives milliseconds UTC."""
        self.tally = Tally(reached_ms=order.span.from_ms)
        self._engine = engine
        self._store = store_for(engine)
        self._catalogue = catalogue
        self._order = order
        self._clock = clock

    def steps(self) -> Iterator[Step]:
        """Do the work, one bounded transaction at a time."""
        timeline = self._renew()
        yield from self._retry_all(timeline)
        if not self._order.only_refused:
            yield from self._rework_all(timeline)

    def _renew(self) -> Timeline:
        renewal = Renewal(self._order.gateway, self._catalogue, self._clock())
        with self._engine.connect() as connection:
            newest = newest_inventory(connection, renewal.gateway)
            inventories = read_inventories(connection, renewal)
        with self._transaction() as connection:
            if newest_inventory(connection, renewal.gateway) != newest:  # one came meanwhile
                inventories = read_inventories(connection, renewal)
            announced = apply_anew(connection, renewal, inventories)
            return read_timeline(connection, renewal, announced)

    # ------------------------------------------------------------ what was refused

    def _retry_all(self, timeline: Timeline) -> Iterator[Step]:
        with self._engine.connect() as connection:
            ids = selection.not_stored(connection, self._order.gateway, self._order.span)
        for done, journal_id in enumerate(ids, start=1):
            self._retry(timeline, journal_id)
            yield Step("refused", done, len(ids))

    def _retry(self, timeline: Timeline, journal_id: int) -> None:
        with self._engine.connect() as connection:
            entry = next(read_entries(connection, [journal_id]), None)
        if entry is None:  # removed meanwhile
            return
        made = make(entry, timeline)
        with self._transaction() as connection:
            tried = self._try(connection, timeline, entry, made)
        if tried is None:
            return
        self.tally.entries += 1
        self.tally.added += tried.added
        if tried.reason:
            self.tally.refused[tried.reason] += 1
        else:
            self.tally.stored += 1

    def _try(
        self, connection: Connection, timeline: Timeline, entry: Entry, made: Made | Failed
    ) -> Tried | None:
        """Store one entry if it can be; None when another program has taken it up meanwhile."""
        if not is_open(connection, entry):
            return None
        if self._order.dry_run:
            return foresee(connection, entry, made)
        tried = retry(connection, self._store, entry, made, self._clock())
        if tried.overlap:
            self._settle_overlap(connection, timeline, tried.overlap)
        return tried

    def _settle_overlap(
        self, connection: Connection, timeline: Timeline, spans: Sequence[Span]
    ) -> None:
        """Let what came first count where batches hold the same instants."""
        spans = [_kept(connection, span) for span in spans]
        ever = Span(spans[0].from_ms, spans[-1].to_ms)
        heads = selection.stored(connection, self._order.gateway, ever)
        for span in spans:
            here = [head for head in heads if head.first < span.to_ms and head.last >= span.from_ms]
            for window in selection.windows(here, span):
                made = _usable(self._make(connection, timeline, window, {}))
                for part, piece in slices(merge(made, window.span), window.span):
                    self._rework(connection, timeline, part, piece)

    # ------------------------------------------------------------ what is stored

    def _rework_all(self, timeline: Timeline) -> Iterator[Step]:
        with self._engine.connect() as connection:
            span = _kept(connection, self._order.span)
            heads = selection.stored(connection, self._order.gateway, span)
        done = 0
        going_on: dict[int, Made | Failed] = {}
        for window in selection.windows(heads, span):
            with self._engine.connect() as connection:
                made = self._make(connection, timeline, window, going_on)
            self.tally.kept.update(
                one.reason
                for key, one in made.items()
                if isinstance(one, Failed) and key not in going_on
            )
            for part, piece in slices(merge(_usable(made), window.span), window.span):
                with self._transaction() as connection:
                    self._rework(connection, timeline, part, piece)
            lasting = {head.id for head in window.heads if head.last >= window.span.to_ms}
            going_on = {one: made[one] for one in lasting & made.keys()}
            done += window.fresh
            self.tally.entries += window.fresh
            self.tally.reached_ms = window.span.to_ms
            yield Step("stored", done, len(heads))

    def _make(
        self,
        connection: Connection,
        timeline: Timeline,
        window: Window,
        known: Mapping[int, Made | Failed],
    ) -> dict[int, Made | Failed]:
        """Decode a window's entries, except those known from the window before."""
        out = {head.id: known[head.id] for head in window.heads if head.id in known}
        missing = [head.id for head in window.heads if head.id not in known]
        for entry in read_entries(connection, missing):
            out[entry.id] = make(entry, timeline)
        return out

    def _rework(self, connection: Connection, timeline: Timeline, part: Merged, span: Span) -> None:
        """Make what is stored in a span agree with the entries."""
        differs = difference(connection, self._store, part, span, timeline.derived_from)
        if differs and not self._order.dry_run:
            horizon_ms = self._clock() + FUTURE_TOLERANCE_MS
            write(connection, self._store, part, differs, horizon_ms)
        self.tally.added += len(differs.added)
        self.tally.changed += len(differs.changed)
        self.tally.removed += len(differs.removed_id)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """One transaction as the gateway's only writer; a dry run takes it back.

        Then it rests for as long as it took: on SQLite a writer that waits gets in only by chance.
        """
        begun_s = time.monotonic()
        with self._engine.connect().execution_options(saxaul_writing=True) as connection:
            lock_gateways(connection, [self._order.gateway])
            yield connection
            if not self._order.dry_run:
                connection.commit()
        time.sleep(min(time.monotonic() - begun_s, _LONGEST_REST_S))


def _kept(connection: Connection, span: Span) -> Span:
    """Cut off what is older than retention keeps: it is not brought back."""
    door_ms = read_door(connection)
    from_ms = span.from_ms if door_ms is None else min(max(span.from_ms, door_ms), span.to_ms)
    return Span(from_ms, span.to_ms)


def _usable(made: Mapping[int, Made | Failed]) -> list[Made]:
    return [one for one in made.values() if isinstance(one, Made)]
