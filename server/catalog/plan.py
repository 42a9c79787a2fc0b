"""What an inventory asks for, checked before anything is written. Pure: knows no database."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

from server.catalog.remarks import Kind, Remark
from server.db.instant import to_ms
from server.soil.ground import UNSAID, Profile, Soils
from server.soil.relative import RELATIVE, RELATIVE_UNIT, WATER, relative_formula
from wire.catalogue import Derived, SensorModel
from wire.derive.formula import Formula, read
from wire.errors import ContractError
from wire.messages import DatastreamInfo, Inventory, SensorInfo
from wire.properties import PROPERTIES, observed_property
from wire.units import convert

MAX_REV = 2**63 - 1  # what the column holds
# Longer none is; what is reckoned from it, in milliseconds, must stay a number for everybody.
MAX_INTERVAL_S = 366 * 86_400


@dataclass(frozen=True, slots=True)
class PlannedSeries:
    """A datastream that shall be there; `source` names the series it is derived from, if any.

    `unknown` says why it cannot be told what it measures: it is stored as it comes, in the unit it
    is said to be in.
    """

    name: str
    thing: str
    sensor_key: str
    property: str
    unit: str
    statistic: str
    interval_s: float
    source: str | None = None
    transform: str | None = None
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The series that an inventory asks for, and what there is to say of the rest of it."""

    series: list[PlannedSeries]
    remarks: list[Remark]


def plan_series(
    inventory: Inventory,
    gateway: str,
    catalogue: Mapping[str, SensorModel],
    soils: Soils = UNSAID,
) -> Plan:
    """List the raw series of an inventory and those the server derives from them.

    What is wrong with one series or sensor does not concern the others. Raises ContractError for
    an inventory that as a whole can be none.
    """
    _check_head(inventory, gateway)
    profiles = {one.id: soils.profile(one.site, one.id) for one in inventory.things}
    sensors = _sensors_by_place(inventory)
    remarks = [
        remark for place, one in sensors.items() for remark in _remarks_on_sensor(place, one)
    ]
    announced = _announced(inventory, sensors, remarks)
    derived = [
        series
        for place, sensor in sensors.items()
        for series in _derived(place, sensor, catalogue.get(sensor.model), announced)
    ]
    remarks += [
        Remark(one.name, Kind.NOTED, f"announced as measured, so not derived from '{one.source}'")
        for one in derived
        if one.name in announced
    ]
    kept = [one for one in derived if one.name not in announced]
    series = [*announced.values(), *kept]
    relative = [
        made
        for one in series
        for made in _relative(one, sensors[_place(one)], profiles[one.thing])
        if made.name not in announced
    ]
    return Plan([*series, *relative], remarks)


def installed_ms(sensor: SensorInfo) -> int | None:
    """Read the date of installation as midnight UTC; None when none is given, or it is no date."""
    try:
        day = date.fromisoformat(sensor.installed)
    except ValueError:
        return None
    return to_ms(datetime.combine(day, time(), tzinfo=UTC))


def _remarks_on_sensor(place: str, sensor: SensorInfo) -> Iterable[Remark]:
    if sensor.refused:
        yield Remark(place, Kind.NOT_READ, sensor.refused)
    if sensor.installed and installed_ms(sensor) is None:
        reason = f"installed '{sensor.installed}' is no date such as 2026-11-20"
        yield Remark(place, Kind.NOTED, reason)


def _announced(
    inventory: Inventory, sensors: Mapping[str, SensorInfo], remarks: list[Remark]
) -> dict[str, PlannedSeries]:
    """List the raw series by name; says of the others what is wrong with them."""
    found: dict[str, PlannedSeries] = {}
    for info in inventory.datastreams:
        if info.name in found:
            remarks.append(Remark(info.name, Kind.NOTED, "listed twice; the first counts"))
            continue
        try:
            series = found[info.name] = _raw(info, sensors)
        except ContractError as error:
            remarks.append(Remark(info.name, Kind.LEFT_OUT, str(error)))
        else:
            if series.unknown:
                remarks.append(Remark(info.name, Kind.UNKNOWN, series.unknown))
    return found


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
    return dict(zip(places, inventory.sensors, strict=True))


def _raw(info: DatastreamInfo, sensors: Mapping[str, SensorInfo]) -> PlannedSeries:
    sensor = sensors.get(info.sensor)
    if sensor is None:
        raise ContractError(f"it names no listed sensor: '{info.sensor}'")
    if info.name != f"{info.sensor}/{info.property}":
        raise ContractError(f"it must be called '{info.sensor}/{info.property}'")
    if not 0 < info.interval_s <= MAX_INTERVAL_S:  # nor NaN
        raise ContractError("interval_s must be above zero, and a year at most")
    return PlannedSeries(
        name=info.name,
        thing=sensor.thing,
        sensor_key=sensor.id,
        property=_property(info),
        unit=info.unit,
        statistic=info.statistic,
        interval_s=info.interval_s,
        unknown=_unknown(info),
    )


def _unknown(info: DatastreamInfo) -> str:
    """Say why it cannot be told what a series measures: nobody knows its property, or its unit."""
    try:
        convert(Decimal(0), info.unit, observed_property(info.property).unit)
    except ContractError as error:
        return str(error)
    return ""


def _property(info: DatastreamInfo) -> str:
    """Name what a series measures: in a unit that does not fit, nobody knows what that is."""
    is_known = info.property in PROPERTIES
    return f"unknown_{info.property}" if is_known and _unknown(info) else info.property


def _derived(
    place: str,
    sensor: SensorInfo,
    model: SensorModel | None,
    announced: Mapping[str, PlannedSeries],
) -> Iterable[PlannedSeries]:
    """List the series that the server derives for the sensor at a place."""
    for entry in model.derived if model else ():
        name, source = f"{place}/{entry.property}", announced.get(f"{place}/{entry.source}")
        formula = _formula(place, sensor, entry, announced)
        sources = [announced.get(f"{place}/{key}") for key in (entry.source, *entry.also)]
        if any(
            one is None or not is_as_catalogued(model, one.property, one.unit) for one in sources
        ):
            continue  # transforms reckon in the units of the catalogue
        if source is not None and formula is not None:
            yield _derive_from(source, name, entry, formula)


def is_as_catalogued(model: SensorModel | None, property_key: str, unit: str) -> bool:
    """Tell whether a series comes in the unit that the catalogue gives it."""
    if model is None:
        return False
    units = {one.property: one.unit for one in model.borrowed}
    units |= {one.property: one.unit for one in model.field}
    return unit == units.get(property_key)


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


def _relative(
    water: PlannedSeries, sensor: SensorInfo, profile: Profile
) -> Iterable[PlannedSeries]:
    """Give the series of relative water that one of water makes, by the soil at its depth."""
    if water.property != WATER:
        return
    calibration = read(water.transform) if water.transform else None
    formula = relative_formula(calibration, water.unit, profile.at(sensor.depth_m))
    if formula is not None:
        yield replace(
            water,
            name=f"{_place(water)}/{RELATIVE}",
            property=RELATIVE,
            unit=RELATIVE_UNIT,
            source=water.source or water.name,
            transform=str(formula),
        )


def _place(series: PlannedSeries) -> str:
    """Name the thing and sensor of a series."""
    return f"{series.thing}/{series.sensor_key}"


def _once(kind: str, names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ContractError(f"{kind} '{twice[0]}' is listed twice")
