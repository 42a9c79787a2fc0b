"""What a name in a batch stands for: its datastream, what to check it by, what derives from it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from server.db.tables import datastream, deployment, observed_property, sensor, thing
from server.derive.transforms import TRANSFORMS, Transform
from server.quality.gross_range import Span, span_for
from server.quality.sentinels import NoValue, no_values_for
from wire.catalogue import SensorModel


@dataclass(frozen=True, slots=True)
class DerivedRef:
    """A datastream that the server computes, and how."""

    datastream_id: int
    transform: Transform


@dataclass(frozen=True, slots=True)
class SeriesRef:
    """A datastream that may stand in a batch; `is_derived` when only the server may write it.

    `no_values` are the values by which its instrument says that it has none.
    """

    datastream_id: int
    is_derived: bool
    span: Span | None
    derived: tuple[DerivedRef, ...]
    no_values: tuple[NoValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """A datastream as the catalog lists it; `place` is where its instrument stands."""

    datastream_id: int
    name: str
    place: Hashable
    property: str
    unit: str
    statistic: str
    source_id: int | None
    transform: str | None


def load_series(
    connection: Connection, gateway_id: str, catalogue: Mapping[str, SensorModel]
) -> dict[str, SeriesRef]:
    """Read all datastreams of a gateway by name."""
    rows = connection.execute(
        select(datastream, observed_property.c.key.label("property"))
        .join(observed_property, observed_property.c.id == datastream.c.observed_property_id)
        .where(datastream.c.gateway_id == gateway_id)
    )
    listed = [
        Listed(
            row.id,
            row.name,
            (row.thing_id, row.sensor_key),
            row.property,
            row.unit,
            row.statistic,
            row.source_id,
            row.transform,
        )
        for row in rows
    ]
    return refs_of(listed, _models(connection, gateway_id), catalogue)


def refs_of(
    listed: Sequence[Listed], models: Mapping[Hashable, str], catalogue: Mapping[str, SensorModel]
) -> dict[str, SeriesRef]:
    """Say by name what each datastream stands for; `models` maps places to model names."""
    derived: dict[int, list[DerivedRef]] = {}
    for one in listed:
        transform = TRANSFORMS.get(one.transform or "")
        if one.source_id is not None and transform is not None:
            ref = DerivedRef(one.datastream_id, transform)
            derived.setdefault(one.source_id, []).append(ref)
    return {
        one.name: _ref(one, catalogue.get(models.get(one.place, "")), derived) for one in listed
    }


def _ref(
    one: Listed, model: SensorModel | None, derived: Mapping[int, Sequence[DerivedRef]]
) -> SeriesRef:
    return SeriesRef(
        datastream_id=one.datastream_id,
        is_derived=one.source_id is not None,
        span=span_for(model, one.property, one.unit) if model else None,
        derived=tuple(derived.get(one.datastream_id, ())),
        no_values=no_values_for(model, one.property, one.unit, one.statistic) if model else (),
    )


def _models(connection: Connection, gateway_id: str) -> dict[Hashable, str]:
    """Map (thing, sensor key) to the model that stands there, or stood there last."""
    rows = connection.execute(
        select(deployment.c.thing_id, deployment.c.key, sensor.c.model)
        .join(sensor, sensor.c.id == deployment.c.sensor_id)
        .join(thing, thing.c.id == deployment.c.thing_id)
        .where(thing.c.gateway_id == gateway_id)
        .order_by(deployment.c.id)  # as they were announced; `since` may be an older date
    )
    return {(thing_id, key): model for thing_id, key, model in rows}
