"""What a name in a batch stands for: its datastream, the span to check by, what derives from it."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from server.db.tables import datastream, deployment, observed_property, sensor, thing
from server.derive.transforms import TRANSFORMS, Transform
from server.quality.gross_range import Span, span_for
from wire.catalogue import SensorModel


@dataclass(frozen=True, slots=True)
class DerivedRef:
    """A datastream that the server computes, and how."""

    datastream_id: int
    transform: Transform


@dataclass(frozen=True, slots=True)
class SeriesRef:
    """A datastream that may stand in a batch; `is_derived` when only the server may write it."""

    datastream_id: int
    is_derived: bool
    span: Span | None
    derived: tuple[DerivedRef, ...]


def load_series(
    connection: Connection, gateway_id: str, catalogue: Mapping[str, SensorModel]
) -> dict[str, SeriesRef]:
    """Read all datastreams of a gateway by name."""
    models = _models(connection, gateway_id)
    rows = connection.execute(
        select(datastream, observed_property.c.key.label("property"))
        .join(observed_property, observed_property.c.id == datastream.c.observed_property_id)
        .where(datastream.c.gateway_id == gateway_id)
    ).all()
    derived: dict[int, list[DerivedRef]] = {}
    for row in rows:
        if row.source_id is not None and row.transform in TRANSFORMS:
            ref = DerivedRef(row.id, TRANSFORMS[row.transform])
            derived.setdefault(row.source_id, []).append(ref)
    out: dict[str, SeriesRef] = {}
    for row in rows:
        model = catalogue.get(models.get((row.thing_id, row.sensor_key), ""))
        span = span_for(model, row.property, row.unit) if model else None
        refs = tuple(derived.get(row.id, ()))
        out[row.name] = SeriesRef(row.id, row.source_id is not None, span, refs)
    return out


def _models(connection: Connection, gateway_id: str) -> dict[tuple[int, str], str]:
    """Map (thing, sensor key) to the model that stands there, or stood there last."""
    rows = connection.execute(
        select(deployment.c.thing_id, deployment.c.key, sensor.c.model)
        .join(sensor, sensor.c.id == deployment.c.sensor_id)
        .join(thing, thing.c.id == deployment.c.thing_id)
        .where(thing.c.gateway_id == gateway_id)
        .order_by(deployment.c.since, deployment.c.id)
    )
    return {(thing_id, key): model for thing_id, key, model in rows}
