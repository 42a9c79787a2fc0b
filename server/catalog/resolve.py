"""What a name in a batch stands for: its datastream, what to check it by, what derives from it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from sys import intern

from sqlalchemy import Connection, select

from server.db.members import among
from server.db.tables import datastream, deployment, observed_property, sensor, thing
from server.derive.series import Transform
from server.quality.gross_range import Span, span_for
from server.quality.sentinels import NoValue, no_values_for
from wire.catalogue import SensorModel
from wire.derive.formula import read

NOT_THERE = -1  # the id of no datastream


@dataclass(frozen=True, slots=True)
class DerivedRef:
    """A datastream that the server computes, how, and from which others beside its source."""

    datastream_id: int
    transform: Transform
    also: tuple[int, ...] = ()


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
    return load_all(connection, [gateway_id], catalogue)[gateway_id]


def load_all(
    connection: Connection, gateway_ids: Sequence[str], catalogue: Mapping[str, SensorModel]
) -> dict[str, dict[str, SeriesRef]]:
    """Read all datastreams of gateways, of each by name: two questions, however many there are."""
    listed: dict[str, list[Listed]] = {one: [] for one in gateway_ids}
    columns = (
        *(datastream.c.gateway_id, datastream.c.id, datastream.c.name, datastream.c.thing_id),
        *(datastream.c.sensor_key, observed_property.c.key, datastream.c.unit),
        *(datastream.c.statistic, datastream.c.source_id, datastream.c.transform),
    )
    rows = connection.execute(
        select(*columns)
        .join(observed_property, observed_property.c.id == datastream.c.observed_property_id)
        .where(among(connection, datastream.c.gateway_id, gateway_ids))
        .order_by(datastream.c.id)
    )
    for gateway_id, id_, name, thing_id, key, *what in rows:
        # Thousands of gateways measure under the same names.
        listed[gateway_id].append(Listed(id_, intern(name), (thing_id, key), *what))
    models = _models(connection, gateway_ids)
    traits = _Traits(catalogue, models)
    return {gateway_id: _refs(own, traits) for gateway_id, own in listed.items()}


def refs_of(
    listed: Sequence[Listed], models: Mapping[Hashable, str], catalogue: Mapping[str, SensorModel]
) -> dict[str, SeriesRef]:
    """Say by name what each datastream stands for; `models` maps places to model names."""
    return _refs(listed, _Traits(catalogue, models))


@dataclass(slots=True)
class _Traits:
    """What the catalogue says of series: the same for all that are measured alike."""

    catalogue: Mapping[str, SensorModel]
    models: Mapping[Hashable, str]
    _known: dict[tuple[str, ...], tuple[Span | None, tuple[NoValue, ...]]] = field(
        default_factory=dict
    )

    def of(self, one: Listed) -> tuple[Span | None, tuple[NoValue, ...]]:
        """Give the span of a series, and what of its values are none."""
        name = self.models.get(one.place, "")
        what = (name, one.property, one.unit, one.statistic)
        found = self._known.get(what)
        if found is None:
            found = self._known[what] = self._read(one, self.catalogue.get(name))
        return found

    def _read(
        self, one: Listed, model: SensorModel | None
    ) -> tuple[Span | None, tuple[NoValue, ...]]:
        if model is None:
            return None, ()
        span = span_for(model, one.property, one.unit)
        return span, no_values_for(model, one.property, one.unit, one.statistic)


def _refs(listed: Sequence[Listed], traits: _Traits) -> dict[str, SeriesRef]:
    derived: dict[int, list[DerivedRef]] = {}
    for one in listed:
        found = _read_formula(one.transform) if one.transform else None
        if one.source_id is not None and found is not None:
            transform, also = found
            others = tuple(_at_the_same_place(one, key, listed) for key in also)
            ref = DerivedRef(one.datastream_id, transform, others)
            derived.setdefault(one.source_id, []).append(ref)
    return {one.name: _ref(one, traits, derived) for one in listed}


def _at_the_same_place(one: Listed, key: str, listed: Sequence[Listed]) -> int:
    """Find another series of a sensor by its property."""
    places = ((other.place, other.property) for other in listed)
    wanted = (one.place, key)
    return next(
        (other.datastream_id for other, at in zip(listed, places, strict=True) if at == wanted),
        NOT_THERE,
    )


@cache
def _read_formula(text: str) -> tuple[Transform, tuple[str, ...]] | None:
    """Read how a series is computed, and from which other properties of its sensor."""
    formula = read(text)
    transform = formula.bound() if formula else None
    return (transform, formula.also) if formula and transform else None


def _ref(one: Listed, traits: _Traits, derived: Mapping[int, Sequence[DerivedRef]]) -> SeriesRef:
    span, no_values = traits.of(one)
    return SeriesRef(
        datastream_id=one.datastream_id,
        is_derived=one.source_id is not None,
        span=span,
        derived=tuple(derived.get(one.datastream_id, ())),
        no_values=no_values,
    )


def _models(connection: Connection, gateway_ids: Sequence[str]) -> dict[Hashable, str]:
    """Map (thing, sensor key) to the model that stands there, or stood there last."""
    rows = connection.execute(
        select(deployment.c.thing_id, deployment.c.key, sensor.c.model)
        .join(sensor, sensor.c.id == deployment.c.sensor_id)
        .join(thing, thing.c.id == deployment.c.thing_id)
        .where(among(connection, thing.c.gateway_id, gateway_ids))
        .order_by(deployment.c.id)  # as they were announced; `since` may be an older date
    )
    return {(thing_id, key): model for thing_id, key, model in rows}
