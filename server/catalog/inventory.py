"""Applies an inventory: all of it or, with a reason, nothing. A second time changes nothing."""

from collections.abc import Mapping

from sqlalchemy import Connection

from server.catalog.datastreams import apply_datastreams
from server.catalog.gateways import note_installation, note_inventory, remember
from server.catalog.instruments import apply_sensors
from server.catalog.places import apply_things
from server.catalog.plan import plan_series
from wire.catalogue import SensorModel
from wire.messages import Inventory


def apply_inventory(
    connection: Connection,
    gateway_id: str,
    inventory: Inventory,
    catalogue: Mapping[str, SensorModel],
    now_ms: int,
) -> None:
    """Make the catalog agree with what is attached to a gateway.

    Raises ContractError; the caller then rolls its transaction back to where this began.
    """
    plan = plan_series(inventory, gateway_id, catalogue)
    remember(connection, gateway_id, now_ms)
    things = apply_things(connection, gateway_id, inventory.things, now_ms)
    apply_sensors(connection, gateway_id, things, inventory.sensors, now_ms)
    apply_datastreams(connection, gateway_id, things, plan)
    note_inventory(connection, gateway_id, inventory.rev, now_ms)
    note_installation(connection, gateway_id, inventory.installation, now_ms)
