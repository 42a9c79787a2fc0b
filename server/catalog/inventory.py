"""Applies an inventory: all of it that can be used. A second time changes nothing."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from server.catalog.datastreams import apply_datastreams
from server.catalog.gateways import note_installation, note_inventory, remember
from server.catalog.instruments import apply_sensors
from server.catalog.places import apply_things
from server.catalog.plan import plan_series
from server.catalog.remarks import Remark, note_remarks
from server.soil.book import read_soils
from server.soil.waiting import enter, formulas
from wire.catalogue import SensorModel
from wire.messages import Inventory


def apply_inventory(
    connection: Connection,
    gateway_id: str,
    inventory: Inventory,
    catalogue: Mapping[str, SensorModel],
    now_ms: int,
) -> Sequence[Remark]:
    """Make the catalog agree with what is attached to a gateway; says what cannot be as it is told.

    Raises ContractError; the caller then rolls its transaction back to where this began.
    """
    soils = read_soils(connection, [gateway_id])[gateway_id]
    plan = plan_series(inventory, gateway_id, catalogue, soils)
    before = formulas(connection, gateway_id)
    remember(connection, gateway_id, now_ms)
    things = apply_things(connection, gateway_id, inventory.things, now_ms)
    apply_sensors(connection, gateway_id, things, inventory.sensors, now_ms)
    remarks = [*plan.remarks, *apply_datastreams(connection, gateway_id, things, plan.series)]
    note_remarks(connection, gateway_id, remarks)
    after = formulas(connection, gateway_id)
    enter(connection, [one for one, how in after.items() if how and before.get(one) != how])
    note_inventory(connection, gateway_id, inventory.rev, now_ms)
    note_installation(connection, gateway_id, inventory.installation, now_ms)
    return remarks
