"""What an inventory asks for, checked before anything is written. Pure: knows no database."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

from server.db.instant import to_ms
from wire.catalogue import Derived, SensorModel
from wire.derive.formula import Formula
from wire.errors import ContractError
from wire.messages import DatastreamInfo, Inventory, SensorInfo
from wire.properties import observed_property
from wire.units import convert

MAX_REV = 2**63 - 1  # what the column holds


@dataclass(frozen=True, slots=True)
class PlannedSeries:
    """A datastream that shall be there; `source` names the series it is derived from, if any."""

    name: str
    thing: str
    sensor_key: str
    property: str
    unit: str
    statistic: str
    interval_s: float
    source: str | None = None
    transform: str | None = None


def plan_series(
    inventory: Inventory, gateway: str, catalogue: Mapping[str, SensorModel]
) -> list[PlannedSeries]:
    """List the raw series of an inventory and those the server derives from them.

    Raises ContractError, naming the item, for whatever the catalog could not hold.
    """
    _check_head(inventory, gateway)
    sensors = _sensors_by_place(inventory)
    _once("datastream", (one.name for one in inventory.datastreams))
    raw = [_raw(info, sensors) for info in inventory.datastreams]
    announced = {one.name: one for one in raw}
    derived = [
        series
        for place, sensor in sensors.items()
        for series in _derived(place, sensor, catalogue.get(sensor.model), announced)
    ]
    return raw + derived


def installed_ms(sensor: SensorInfo) -> int | None:
    """Read the date of installation as midnight UTC; None when none is given."""
    if not sensor.installed:
        return None
    try:
        day = date.fromisoformat(sensor.installed)
    except ValueError:
        raise ContractError(
            f"sensor '{sensor.thing}/{sensor.id}': installed '{sensor.installed}' is no date "
            "such as 2026-11-20"
        ) from None
    return to_ms(datetime.combine(day, time(), tzinfo=UTC))


def _check_head(inventory: Inventory, gateway: str) -> None:
    if inventory.gateway.id != gateway:
        raise ContractError(
            f"the inventory of '{inventory.gateway.id}' came under the name '{gateway}'"
        )
    if not 0 <= inventory.rev <= MAX_REV:
        raise ContractError(f"inventory revision {inventory.rev} is out of range")
    _once("thing", (thing.id for thing in inventory.things))


def _sensors_by_place(inventory: Inventory) -> dict[str, SensorInfo]:
    """Map `thing/sensor` to each sensor."""
    things = {thing.id for thing in inventory.things}
    places = [f"{sensor.thing}/{sensor.id}" for sensor in inventory.sensors]
    _once("sensor", places)
    for place, sensor in zip(places, inventory.sensors, strict=True):
        if sensor.thing not in things:
            raise ContractError(f"sensor '{place}' stands at a thing that is not listed")
        installed_ms(sensor)
    return dict(zip(places, inventory.sensors, strict=True))


def _raw(info: DatastreamInfo, sensors: Mapping[str, SensorInfo]) -> PlannedSeries:
    sensor = sensors.get(info.sensor)
    if sensor is None:
        raise ContractError(f"datastream '{info.name}' names no listed sensor: '{info.sensor}'")
    if info.name != f"{info.sensor}/{info.property}":
        raise ContractError(
            f"datastream '{info.name}' must be called '{info.sensor}/{info.property}'"
        )
    if not (math.isfinite(info.interval_s) and info.interval_s > 0):
        raise ContractError(f"datastream '{info.name}': interval_s must be above zero")
    _check_unit(info)
    return PlannedSeries(
        name=info.name,
        thing=sensor.thing,
        sensor_key=sensor.id,
        property=info.property,
        unit=info.unit,
        statistic=info.statistic,
        interval_s=info.interval_s,
    )


def _check_unit(info: DatastreamInfo) -> None:
    """Refuse a property or unit nobody knows, and a unit that does not measure the property."""
    try:
        convert(Decimal(0), info.unit, observed_property(info.property).unit)
    except ContractError as error:
        raise ContractError(f"datastream '{info.name}': {error}") from None


def _derived(
    place: str,
    sensor: SensorInfo,
    model: SensorModel | None,
    announced: Mapping[str, PlannedSeries],
) -> Iterable[PlannedSeries]:
    """List the series that the server derives for the sensor at a place."""
    for entry in model.derived if model else ():
        name, source = f"{place}/{entry.property}", announced.get(f"{place}/{entry.source}")
        if name in announced:
            raise ContractError(
                f"datastream '{name}' is announced as raw, but the server derives it from "
                f"'{entry.source}'"
            )
        formula = _formula(place, sensor, entry, announced)
        sources = [announced.get(f"{place}/{key}") for key in (entry.source, *entry.also)]
        if any(one is None or not _is_as_catalogued(model, one) for one in sources):
            continue  # transforms reckon in the units of the catalogue
        if source is not None and formula is not None:
            yield _derive_from(source, name, entry, formula)


def _is_as_catalogued(model: SensorModel | None, series: PlannedSeries) -> bool:
    """Tell whether a series comes in the unit that the catalogue gives it."""
    if model is None:
        return False
    units = {one.property: one.unit for one in model.borrowed}
    units |= {one.property: one.unit for one in model.field}
    return series.unit == units.get(series.property)


def _formula(
    place: str, sensor: SensorInfo, entry: Derived, announced: Mapping[str, PlannedSeries]
) -> Formula | None:
    """Say how a series is computed; None while a source or what was measured on site is missing."""
    if any(f"{place}/{key}" not in announced for key in entry.also):
        return None
    given = {name: getattr(sensor, name, None) for name in entry.parameters}
    parameters = {name: value for name, value in given.items() if value is not None}
    if len(parameters) < len(given):
        return None
    return Formula(entry.transform, tuple(entry.also), parameters)


def _derive_from(
    source: PlannedSeries, name: str, entry: Derived, formula: Formula
) -> PlannedSeries:
    return PlannedSeries(
        name=name,
        thing=source.thing,
        sensor_key=source.sensor_key,
        property=entry.property,
        unit=entry.unit,
        statistic=source.statistic,
        interval_s=source.interval_s,
        source=source.name,
        transform=str(formula),
    )


def _once(kind: str, names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ContractError(f"{kind} '{twice[0]}' is listed twice")
