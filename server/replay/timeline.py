"""The inventories of a gateway in the order they came: what each batch's names stood for then.

A batch is checked by the instruments that stood there when it came, not by those of today; one that
came before its inventory is checked by the first that announces all its names.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import ColumnElement, Connection, and_, func, select

from server.archive.reading import read_payload
from server.catalog.datastreams import apply_datastreams
from server.catalog.gateways import note_change
from server.catalog.inventory import apply_inventory
from server.catalog.plan import Plan, PlannedSeries, plan_series
from server.catalog.remarks import Remark, in_words, left_out, note_remarks
from server.catalog.resolve import (
    Listed,
    Place,
    SeriesRef,
    Where,
    load_series,
    place_of,
    read_places,
    refs_of,
    with_left_out,
)
from server.catalog.standing import BEGINNING_MS, Standing
from server.db.tables import datastream, journal, thing
from server.ingest.events import Status
from server.ingest.journal import IN_ORDER, settle
from server.ingest.reports import without_nul
from server.soil.book import read_soils
from server.soil.relative import RELATIVE
from wire import messages, topics
from wire.catalogue import SensorModel
from wire.errors import ContractError
from wire.messages import Inventory

INVENTORY_FAILED = "inventory_not_used"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Renewal:
    """Whose inventories are applied anew, by which catalogue, and when."""

    gateway: str
    catalogue: Mapping[str, SensorModel]
    now_ms: int


@dataclass(frozen=True, slots=True)
class Journalled:
    """An inventory of the journal, and the series it asks for by the catalogue of today."""

    journal_id: int
    is_refused: bool
    inventory: Inventory
    plan: Plan


@dataclass(frozen=True, slots=True)
class Announced:
    """An inventory that could be applied: its journal id, its series, the models by place.

    `left_out` says why the readings of some series cannot be stored, by name.
    """

    journal_id: int
    series: list[PlannedSeries]
    models: dict[tuple[str, str], str]
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What names stand for after each inventory; `units` maps datastream ids to their UCUM codes.

    `derived_from` maps a measured datastream to all that were ever derived from it.
    """

    journal_ids: list[int]
    states: list[dict[str, SeriesRef]]
    units: Mapping[int, str]
    derived_from: Mapping[int, list[int]]

    def from_entry(self, journal_id: int) -> Iterator[tuple[int, Mapping[str, SeriesRef]]]:
        """Give the state in which an entry came, then each later one, with when it began.

        For the first that is the entry's own id, for a later one the id of its inventory.
        """
        current = bisect_right(self.journal_ids, journal_id) - 1
        if current >= 0:
            yield journal_id, self.states[current]
        for index in range(current + 1, len(self.states)):
            yield self.journal_ids[index], self.states[index]


def newest_inventory(connection: Connection, gateway: str) -> int | None:
    """Name the newest inventory of a gateway, used or not, by its journal id."""
    return connection.execute(select(func.max(IN_ORDER)).where(_inventories(gateway))).scalar()


def read_inventories(connection: Connection, renewal: Renewal) -> list[Journalled]:
    """Read what a gateway announced, as it came: what was not refused, and the newest in any case.

    One that cannot be used is left out.
    """
    rows = connection.execute(
        select(journal.c.id, journal.c.status)
        .where(_inventories(renewal.gateway))
        .order_by(IN_ORDER)
    ).all()
    soils = read_soils(connection, [renewal.gateway])[renewal.gateway]
    out: list[Journalled] = []
    for row in rows:
        is_refused = row.status == Status.REFUSED
        if is_refused and row is not rows[-1]:
            continue
        try:
            inventory = _read(connection, row.id)
            plan = plan_series(inventory, renewal.gateway, renewal.catalogue, soils)
        except ContractError as error:
            _leave_out(renewal, row.id, error)
        else:
            out.append(Journalled(row.id, is_refused, inventory, plan))
    return out


def apply_anew(
    connection: Connection, renewal: Renewal, inventories: Sequence[Journalled]
) -> list[Announced]:
    """Make the datastreams agree with the catalogue of today; a newest inventory is tried again.

    What stands where is left as it is, unless the newest inventory had been refused.
    """
    before = load_series(connection, renewal.gateway, renewal.catalogue)
    out: list[Announced] = []
    remarks: Sequence[Remark] = ()
    last: Plan | None = None
    for one in inventories:
        if last is None or one.is_refused or one.plan != last:
            try:
                with connection.begin_nested():
                    remarks = _apply(connection, renewal, one)
            except ContractError as error:
                _leave_out(renewal, one.journal_id, error)
                continue
        last = one.plan
        sensors = [sensor for sensor in one.inventory.sensors if not sensor.refused]
        models = {(sensor.thing, sensor.id): sensor.model for sensor in sensors}
        out.append(Announced(one.journal_id, one.plan.series, models, left_out(remarks)))
    if out:
        note_remarks(connection, renewal.gateway, remarks)
    if load_series(connection, renewal.gateway, renewal.catalogue) != before:
        note_change(connection, renewal.gateway)
    return out


def read_timeline(connection: Connection, renewal: Renewal, announced: list[Announced]) -> Timeline:
    """Lay out what names stood for, by the datastreams that are there now."""
    rows = connection.execute(
        select(datastream.c.id, datastream.c.name, datastream.c.unit, datastream.c.source_id).where(
            datastream.c.gateway_id == renewal.gateway
        )
    ).all()
    ids = {row.name: int(row.id) for row in rows}
    sources = {row.name: row.source_id for row in rows}
    derived_from: dict[int, list[int]] = {}
    for row in rows:
        if row.source_id is not None:
            derived_from.setdefault(row.source_id, []).append(row.id)
    places = _read_places(connection, renewal.gateway)
    stored = _Stored(ids, sources)
    states = list(_states(announced, stored, places, renewal.catalogue))
    return Timeline(
        journal_ids=[one.journal_id for one in announced] or [0],
        states=states or [load_series(connection, renewal.gateway, renewal.catalogue)],
        units={row.id: row.unit for row in rows},
        derived_from=derived_from,
    )


def _inventories(gateway: str) -> ColumnElement[bool]:
    return and_(
        journal.c.gateway == gateway,
        journal.c.epoch.is_(None),
        journal.c.topic == topics.inventory(gateway),
    )


def _apply(connection: Connection, renewal: Renewal, one: Journalled) -> Sequence[Remark]:
    if one.is_refused:
        args = (renewal.gateway, one.inventory, renewal.catalogue, renewal.now_ms)
        remarks = apply_inventory(connection, *args)
        settle(connection, one.journal_id, Status.STORED, in_words(remarks))
        return remarks
    things = _things(connection, renewal.gateway)
    conflicts = apply_datastreams(connection, renewal.gateway, things, one.plan.series)
    return [*one.plan.remarks, *conflicts]


def _leave_out(renewal: Renewal, journal_id: int, why: ContractError) -> None:
    log.warning(INVENTORY_FAILED, gateway=renewal.gateway, entry=journal_id, reason=str(why))


def _read(connection: Connection, journal_id: int) -> Inventory:
    kept = read_payload(connection, journal_id)
    if kept is None or not kept.is_whole:
        raise ContractError("its bytes are not all there")
    return messages.decode(without_nul(kept.payload), Inventory)


def _things(connection: Connection, gateway: str) -> dict[str, int]:
    rows = connection.execute(select(thing.c.key, thing.c.id).where(thing.c.gateway_id == gateway))
    return {row.key: row.id for row in rows}


def _read_places(connection: Connection, gateway: str) -> dict[Where, Place]:
    things: dict[int | str, str] = {
        thing_id: key for key, thing_id in _things(connection, gateway).items()
    }
    found = read_places(connection, [gateway])
    return {(things[thing_id], key): place for (thing_id, key), place in found.items()}


@dataclass(frozen=True, slots=True)
class _Stored:
    """The datastreams that are there now, by name: their ids, and from which they are derived."""

    ids: Mapping[str, int]
    sources: Mapping[str, int | None]

    def agrees(self, item: PlannedSeries) -> bool:
        """Tell whether a series is what it was planned as: it keeps its origin.

        What is measured is never derived, and relative water stays with the water it was made from.
        """
        now = self.sources[item.name]
        if item.source is None or now == self.ids[item.source]:
            return True
        return now is not None and item.property != RELATIVE


def _states(
    announced: list[Announced],
    stored: _Stored,
    places: Mapping[Where, Place],
    catalogue: Mapping[str, SensorModel],
) -> Iterator[dict[str, SeriesRef]]:
    """Say what names stood for after each inventory, by all that is known now of who stood where.

    An inventory that had been refused may tell of an instrument that no deployment does.
    """
    series: dict[str, PlannedSeries] = {}
    models: dict[tuple[str, str], str] = {}
    for one in announced:
        models |= one.models
        series = _stopped(series, one.series) | {item.name: item for item in one.series}
        known: dict[Where, Place] = {
            where: replace(places[where], model=model)
            if where in places
            else place_of([Standing(BEGINNING_MS, None, model)])
            for where, model in models.items()
        }
        listed = [_listed(item, stored) for item in series.values()]
        yield with_left_out(refs_of(listed, known, catalogue), one.left_out)


def _stopped(
    series: Mapping[str, PlannedSeries], plan: list[PlannedSeries]
) -> dict[str, PlannedSeries]:
    """End the deriving of what was derived for a sensor of the plan before."""
    places = {(item.thing, item.sensor_key) for item in plan}
    return {
        name: replace(item, transform=None) if (item.thing, item.sensor_key) in places else item
        for name, item in series.items()
    }


def _listed(item: PlannedSeries, stored: _Stored) -> Listed:
    agrees = stored.agrees(item)
    source_id = stored.ids[item.source] if item.source else None
    return Listed(
        datastream_id=stored.ids[item.name],
        name=item.name,
        place=(item.thing, item.sensor_key),
        property=item.property,
        unit=item.unit,
        statistic=item.statistic,
        source_id=source_id if agrees else stored.sources[item.name],
        transform=item.transform if agrees else None,
    )
