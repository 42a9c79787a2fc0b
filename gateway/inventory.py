"""What is attached to this gateway, as the server is told it."""

from collections.abc import Mapping
from threading import Lock
from typing import Protocol

import msgspec
from msgspec.structs import replace

from gateway.config import Config, SensorSection, datastream_name, place_of
from gateway.health import hardware, software
from gateway.sampling.plan import plan_of
from wire.catalogue import SensorModel
from wire.messages import (
    DatastreamInfo,
    GatewayInfo,
    Installation,
    Inventory,
    SensorInfo,
    ThingInfo,
)

_IDENTITIES = "identities"
# Under which note the last inventory is kept.
INVENTORY = "inventory"


class Identity(Protocol):
    """What a sensor says of itself; empty where it says nothing."""

    @property
    def serial(self) -> str:
        """Serial number."""

    @property
    def firmware(self) -> str:
        """Firmware version."""


class Notes(Protocol):
    """Where notes survive a restart: the outbox."""

    def meta(self, key: str) -> str | None:
        """Read a note."""

    def set_meta(self, values: dict[str, str]) -> None:
        """Keep notes."""


class Known(msgspec.Struct, frozen=True):
    """What is kept of an identity. `model` is the configured one: another model voids the rest."""

    model: str
    serial: str = ""
    firmware: str = ""


class Place(Protocol):
    """Where a thing stands, as a technician entered it. Degrees WGS 84."""

    @property
    def lat(self) -> float:
        """North of the equator."""

    @property
    def lon(self) -> float:
        """East of Greenwich."""


class Visits(Protocol):
    """What technicians left behind: see `gateway.page.visits`."""

    def newest(self) -> Installation | None:
        """Read the newest installation record."""

    def positions(self) -> Mapping[str, Place]:
        """Give the positions that were entered, by thing."""


class InventoryBook:
    """The inventory and its revision, which grows with each change, also over restarts.

    Identities are remembered: a restart must not look like a swap of all instruments.
    """

    def __init__(self, config: Config, notes: Notes, visits: Visits | None = None) -> None:
        """Prepare; what earlier runs found out is read when it is first needed."""
        self._config = config
        self._visits = visits
        self._notes = notes
        self._lock = Lock()
        self._models = {f"{s.thing}/{s.id}": s.model for _, s, _ in config.sensors()}
        self._known: dict[str, Known] | None = None

    def identified(self, thing: str, sensor_id: str, identity: Identity) -> bool:
        """Note what a sensor said of itself; tell whether that is new; raises StoreError."""
        name = f"{thing}/{sensor_id}"
        found = Known(self._models[name], identity.serial.strip(), identity.firmware.strip())
        with self._lock:
            known = self._remembered()
            if known.get(name) == found:
                return False
            known[name] = found
            self._notes.set_meta({_IDENTITIES: msgspec.json.encode(known).decode()})
        return True

    def current(self) -> Inventory:
        """Compose the inventory; its `rev` is one more than the last when anything differs.

        Raises StoreError.
        """
        with self._lock:
            known = self._remembered()
            kept = self._notes.meta(INVENTORY)
            last = msgspec.json.decode(kept, type=Inventory) if kept else None
            rev = last.rev if last else 0
            now = self._visited(compose(self._config, known, rev))
            if now != last:
                now = replace(now, rev=rev + 1)
                self._notes.set_meta({INVENTORY: msgspec.json.encode(now).decode()})
            return now

    def _visited(self, inventory: Inventory) -> Inventory:
        """Add how it was left, and where things stand: what was entered there goes first."""
        if self._visits is None:
            return inventory
        places = self._visits.positions()
        things = [
            replace(one, lat=places[one.id].lat, lon=places[one.id].lon)
            if one.id in places
            else one
            for one in inventory.things
        ]
        return replace(inventory, things=things, installation=self._visits.newest())

    def _remembered(self) -> dict[str, Known]:
        """Read the identities once the outbox can be read; the caller holds the lock."""
        if self._known is None:
            kept = msgspec.json.decode(self._notes.meta(_IDENTITIES) or "{}", type=dict[str, Known])
            self._known = {
                name: one for name, one in kept.items() if self._models.get(name) == one.model
            }
        return self._known


def compose(config: Config, known: Mapping[str, Known], rev: int) -> Inventory:
    """Write the inventory of a configuration and of what its sensors said."""
    sensors = list(config.sensors())
    return Inventory(
        rev=rev,
        gateway=GatewayInfo(id=config.gateway.id, software=software(), hardware=hardware()),
        things=[
            ThingInfo(
                id=thing.id,
                name=thing.name,
                site=config.gateway.site,
                lat=thing.lat,
                lon=thing.lon,
                elevation_m=thing.elevation_m,
            )
            for thing in config.thing
        ],
        sensors=[
            _sensor(sensor, bus.protocol.value, known.get(f"{sensor.thing}/{sensor.id}"))
            for bus, sensor, _ in sensors
        ],
        datastreams=[one for _, sensor, model in sensors for one in _datastreams(sensor, model)],
    )


def _sensor(sensor: SensorSection, protocol: str, known: Known | None) -> SensorInfo:
    """Describe an instrument; what it says of itself goes before what a person noted."""
    return SensorInfo(
        id=sensor.id,
        thing=sensor.thing,
        model=sensor.model,
        serial=(known.serial if known else "") or sensor.serial,
        firmware=known.firmware if known else "",
        protocol=protocol,
        address=sensor.address,
        depth_m=sensor.depth_m,
        height_m=sensor.height_m,
        installed=sensor.installed,
        reference_m=sensor.reference_m,
    )


def _datastreams(sensor: SensorSection, model: SensorModel) -> list[DatastreamInfo]:
    return [
        DatastreamInfo(
            name=datastream_name(sensor, one.field.property),
            sensor=place_of(sensor),
            property=one.field.property,
            unit=one.field.unit,
            interval_s=sensor.interval_s,
            statistic=one.statistic.value,
        )
        for one in plan_of(model, sensor.interval_s, sensor.sample_s).fields
    ] + [
        DatastreamInfo(
            name=datastream_name(sensor, one.property),
            sensor=place_of(sensor),
            property=one.property,
            unit=one.unit,
            interval_s=sensor.interval_s,
        )
        for one in (model.borrowed if sensor.temperature_from else ())
    ]
