"""What is attached, as a configuration and its catalogue tell it. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from gateway.config import Config, RefusedSensor, SensorSection, datastream_name, place_of
from gateway.health import hardware, software
from gateway.sampling.plan import plan_of
from wire.catalogue import SensorModel, bundled
from wire.messages import (
    DatastreamInfo,
    FieldInfo,
    GatewayInfo,
    Inventory,
    NoValueInfo,
    SensorInfo,
    ThingInfo,
)

# What one message carries: of a longer list the rest is left out.
_MOST_FIELDS, _MOST_NO_VALUES = 64, 16
_MOST_TEXT = 200


class Known(msgspec.Struct, frozen=True):
    """What is kept of an identity. `model` is the configured one: another model voids the rest."""

    model: str
    serial: str = ""
    firmware: str = ""


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
            _sensor(sensor, model, bus.protocol.value, known.get(place_of(sensor)))
            for bus, sensor, model in sensors
        ],
        datastreams=[one for _, sensor, model in sensors for one in _datastreams(sensor, model)],
    )


def refused_sensors(
    refused: Iterable[tuple[RefusedSensor, str]], listed: Inventory
) -> list[SensorInfo]:
    """Describe sensors that are not read, and why: the first that is said of each counts.

    Left out are those of no thing that is listed, and those that are read after all.
    """
    things = {one.id for one in listed.things}
    taken = {(one.thing, one.id) for one in listed.sensors}
    found: dict[tuple[str, str], SensorInfo] = {}
    for one, reason in refused:
        if one.thing in things and (one.thing, one.id) not in taken:
            told = SensorInfo(
                id=one.id,
                thing=one.thing,
                model=one.model[:_MOST_TEXT],
                refused=reason[:_MOST_TEXT],
            )
            found.setdefault((one.thing, one.id), told)
    return [*found.values()]


def _sensor(
    sensor: SensorSection, model: SensorModel, protocol: str, known: Known | None
) -> SensorInfo:
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
        fields=[] if model.model in bundled() else _fields(model),
    )


def _fields(model: SensorModel) -> list[FieldInfo]:
    """Tell the server of a model that only our catalogue has what it must know to judge values."""
    return [
        FieldInfo(
            property=one.property,
            span=None if one.span is None else (float(one.span[0]), float(one.span[1])),
            resolution=float(one.resolution),
            no_values=[
                NoValueInfo(value=float(no.value), reason=no.reason[:_MOST_TEXT])
                for no in model.sentinel
                if no.value is not None and (not no.properties or one.property in no.properties)
            ][:_MOST_NO_VALUES],
        )
        for one in model.field[:_MOST_FIELDS]
    ]


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
