"""The inventories of a gateway in the order they came: what each batch's names stood for then.

A batch is checked by the instruments that stood there when it came, not by those of today; one that
came before its inventory is checked by the first that announces all its names.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Connection, select

from server.archive.reading import read_payload
from server.catalog.datastreams import apply_datastreams
from server.catalog.inventory import apply_inventory
from server.catalog.plan import PlannedSeries, plan_series
from server.catalog.resolve import Listed, SeriesRef, load_series, refs_of
from server.db.tables import datastream, journal, thing
from server.ingest.events import Status
from server.ingest.journal import settle
from server.ingest.reports import without_nul
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
class Announced:
    """An inventory that could be applied: its journal id, its series, the models by place."""

    journal_id: int
    plan: list[PlannedSeries]
    models: dict[tuple[str, str], str]


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


def apply_anew(connection: Connection, renewal: Renewal) -> list[Announced]:
    """Make the datastreams agree with the catalogue of today; a newest inventory is tried again.

    What stands where is left as it is, unless the newest inventory had been refused.
    """
    rows = connection.execute(
        select(journal.c.id, journal.c.status)
        .where(
            journal.c.gateway == renewal.gateway,
            journal.c.epoch.is_(None),
            journal.c.topic == topics.inventory(renewal.gateway),
        )
        .order_by(journal.c.id)
    ).all()
    out: list[Announced] = []
    for row in rows:
        is_refused = row.status == Status.REFUSED
        if not is_refused or row is rows[-1]:
            announced = _try(connection, renewal, row.id, is_refused=is_refused)
            out.extend([announced] if announced else [])
    return out


def read_timeline(connection: Connection, renewal: Renewal, announced: list[Announced]) -> Timeline:
    """Lay out what names stood for, by the datastreams that are there now."""
    rows = connection.execute(
        select(datastream.c.id, datastream.c.name, datastream.c.unit, datastream.c.source_id).where(
            datastream.c.gateway_id == renewal.gateway
        )
    ).all()
    ids = {row.name: int(row.id) for row in rows}
    derived_from: dict[int, list[int]] = {}
    for row in rows:
        if row.source_id is not None:
            derived_from.setdefault(row.source_id, []).append(row.id)
    states = list(_states(announced, ids, renewal.catalogue))
    return Timeline(
        journal_ids=[one.journal_id for one in announced] or [0],
        states=states or [load_series(connection, renewal.gateway, renewal.catalogue)],
        units={row.id: row.unit for row in rows},
        derived_from=derived_from,
    )


def _try(
    connection: Connection, renewal: Renewal, journal_id: int, *, is_refused: bool
) -> Announced | None:
    """Apply one inventory; None when it cannot be, and then nothing of it remains."""
    try:
        inventory = _read(connection, journal_id)
        plan = plan_series(inventory, renewal.gateway, renewal.catalogue)
        with connection.begin_nested():
            if is_refused:
                args = (renewal.gateway, inventory, renewal.catalogue, renewal.now_ms)
                apply_inventory(connection, *args)
                settle(connection, journal_id, Status.STORED)
            else:
                things = _things(connection, renewal.gateway)
                apply_datastreams(connection, renewal.gateway, things, plan)
    except ContractError as error:
        log.warning(INVENTORY_FAILED, gateway=renewal.gateway, entry=journal_id, reason=str(error))
        return None
    models = {(sensor.thing, sensor.id): sensor.model for sensor in inventory.sensors}
    return Announced(journal_id, plan, models)


def _read(connection: Connection, journal_id: int) -> Inventory:
    kept = read_payload(connection, journal_id)
    if kept is None or not kept.is_whole:
        raise ContractError("its bytes are not all there")
    return messages.decode(without_nul(kept.payload), Inventory)


def _things(connection: Connection, gateway: str) -> dict[str, int]:
    rows = connection.execute(select(thing.c.key, thing.c.id).where(thing.c.gateway_id == gateway))
    return {row.key: row.id for row in rows}


def _states(
    announced: list[Announced], ids: Mapping[str, int], catalogue: Mapping[str, SensorModel]
) -> Iterator[dict[str, SeriesRef]]:
    series: dict[str, PlannedSeries] = {}
    models: dict[tuple[str, str], str] = {}
    for one in announced:
        models |= one.models
        series = _stopped(series, one.plan) | {item.name: item for item in one.plan}
        yield refs_of([_listed(item, ids) for item in series.values()], dict(models), catalogue)


def _stopped(
    series: Mapping[str, PlannedSeries], plan: list[PlannedSeries]
) -> dict[str, PlannedSeries]:
    """End the deriving of what was derived for a sensor of the plan before."""
    places = {(item.thing, item.sensor_key) for item in plan}
    return {
        name: replace(item, transform=None) if (item.thing, item.sensor_key) in places else item
        for name, item in series.items()
    }


def _listed(item: PlannedSeries, ids: Mapping[str, int]) -> Listed:
    return Listed(
        datastream_id=ids[item.name],
        name=item.name,
        place=(item.thing, item.sensor_key),
        property=item.property,
        unit=item.unit,
        statistic=item.statistic,
        source_id=ids[item.source] if item.source else None,
        transform=item.transform,
    )
