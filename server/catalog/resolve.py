"""What a name in a batch stands for: its datastream, what to check it by, what derives from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from sys import intern

import msgspec
from sqlalchemy import Connection, select

from server.catalog.plan import is_as_catalogued
from server.catalog.remarks import read_left_out
from server.catalog.standing import BEGINNING_MS, Standing, eras
from server.db.members import among
from server.db.tables import datastream, deployment, observed_property, sensor, thing
from server.quality.gross_range import Span, span_for
from server.quality.sentinels import NoValue, no_values_for
from server.soil.book import read_profiles
from server.soil.ground import NOTHING_SAID, Ground, Profile
from server.soil.relative import RELATIVE, WATER, in_ground, relative_formula
from wire.catalogue import SensorModel, Statistic
from wire.derive.formula import Formula, read
from wire.derive.transforms import Transform
from wire.messages import FieldInfo

Where = tuple[int | str, str]
"""A thing, by its id or its key, and a sensor there, by its key."""

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

    `no_values` are the values by which its instrument says that it has none. All this holds from
    `since_ms` on; for what was measured earlier, by another instrument, it is as in `before`.
    `left_out` says why its readings cannot be stored.
    """

    datastream_id: int
    is_derived: bool
    span: Span | None
    derived: tuple[DerivedRef, ...]
    no_values: tuple[NoValue, ...] = ()
    since_ms: int = BEGINNING_MS
    before: "SeriesRef | None" = None
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A datastream as the catalog lists it; `place` is where its instrument stands."""

    datastream_id: int
    name: str
    place: Where
    property: str
    unit: str
    statistic: str
    source_id: int | None
    transform: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Who stood at a place from when on (ms UTC), and the model that is told to stand there now.

    The formulas of series are those of that model. `profile` is the soil there.
    """

    eras: Sequence[tuple[int, Standing]]
    model: str = ""
    profile: Profile = NOTHING_SAID


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
    places = read_places(connection, gateway_ids)
    left_out = read_left_out(connection, gateway_ids)
    traits = _Traits(catalogue)
    return {
        gateway_id: with_left_out(_refs(own, places, traits), left_out.get(gateway_id, {}))
        for gateway_id, own in listed.items()
    }


def refs_of(
    listed: Sequence[Listed],
    places: Mapping[Where, Place],
    catalogue: Mapping[str, SensorModel],
) -> dict[str, SeriesRef]:
    """Say by name what each datastream stands for; `places` are those of `Listed.place`."""
    return _refs(listed, places, _Traits(catalogue))


def with_left_out(
    refs: Mapping[str, SeriesRef], reasons: Mapping[str, str]
) -> dict[str, SeriesRef]:
    """Say of some series, by name, why their readings cannot be stored."""
    nothing = SeriesRef(NOT_THERE, is_derived=False, span=None, derived=())
    return {
        **refs,
        **{name: replace(refs.get(name, nothing), left_out=why) for name, why in reasons.items()},
    }


@dataclass(slots=True)
class _Traits:
    """What is known of series: the same for all that are measured alike."""

    catalogue: Mapping[str, SensorModel]
    _known: dict[tuple[str, ...], tuple[Span | None, tuple[NoValue, ...]]] = field(
        default_factory=dict
    )

    def of(self, one: Listed, there: Standing) -> tuple[Span | None, tuple[NoValue, ...]]:
        """Give the span of a series, and what of its values are none."""
        model = self.catalogue.get(there.model)
        if model is None:
            return _told(one, there)
        what = (there.model, one.property, one.unit, one.statistic)
        found = self._known.get(what)
        if found is None:
            span = span_for(model, one.property, one.unit)
            no_values = no_values_for(model, one.property, one.unit, one.statistic)
            found = self._known[what] = (span, no_values)
        return found


def _told(one: Listed, there: Standing) -> tuple[Span | None, tuple[NoValue, ...]]:
    """Go by what the gateway says of a model that only it knows."""
    key = one.name.rpartition("/")[2]
    told = next((item for item in there.told if item.property == key), None)
    if told is None:
        return None, ()
    if one.statistic != Statistic.LAST:
        return told.span, ()
    return told.span, tuple(NoValue(item.value, item.reason) for item in told.no_values)


def _refs(
    listed: Sequence[Listed], places: Mapping[Where, Place], traits: _Traits
) -> dict[str, SeriesRef]:
    children: dict[int, list[Listed]] = {}
    beside: dict[Where, dict[str, Listed]] = {}
    for one in listed:
        beside.setdefault(one.place, {}).setdefault(one.property, one)
        if one.source_id is not None:
            children.setdefault(one.source_id, []).append(one)
    nowhere = Place(eras([]))
    return {
        one.name: _ref(
            one,
            places.get(one.place, nowhere),
            traits,
            _Family(beside[one.place], children.get(one.datastream_id, ())),
        )
        for one in listed
    }


@dataclass(frozen=True, slots=True)
class _Family:
    """The series of a sensor by their properties, and those that are derived from one of them."""

    beside: Mapping[str, Listed]
    children: Sequence[Listed]


def _ref(one: Listed, place: Place, traits: _Traits, family: _Family) -> SeriesRef:
    """Say what a series stands for, now and before; instruments that are alike are one."""
    is_derived = one.source_id is not None
    found: SeriesRef | None = None
    for since_ms, there in place.eras:
        span, no_values = traits.of(one, there)
        derived = _derived(family, place, there, traits.catalogue) if family.children else ()
        what = (span, derived, no_values)
        if found is None or what != (found.span, found.derived, found.no_values):
            found = SeriesRef(
                one.datastream_id, is_derived, span, derived, no_values, since_ms, found
            )
    if found is None:
        raise ValueError(f"the place of '{one.name}' has no era")
    return found


def _derived(
    family: _Family, place: Place, there: Standing, catalogue: Mapping[str, SensorModel]
) -> tuple[DerivedRef, ...]:
    """List what is computed from a series as long as an instrument stands there."""
    found = []
    for child in family.children:
        text = child.transform
        if there.model != place.model:
            text = _of_other(child, place, there, catalogue.get(there.model), family.beside)
        elif child.property == RELATIVE and text:
            text = _in_ground(text, place.profile.at(there.depth_m))
        known = _computing(text, there) if text else None
        if known is not None:
            transform, also = known
            others = tuple(_id_of(family.beside.get(key)) for key in also)
            found.append(DerivedRef(child.datastream_id, transform, others))
    return tuple(found)


def _of_other(
    child: Listed,
    place: Place,
    there: Standing,
    model: SensorModel | None,
    beside: Mapping[str, Listed],
) -> str | None:
    """Say how a series is derived for another model than that which stands there now."""
    if child.property != RELATIVE:
        return _catalogued(child, there, model, beside)
    water = beside.get(WATER)
    if water is None:
        return None
    calibration = None
    if water.source_id is not None:
        text = _catalogued(water, there, model, beside)
        calibration = _read(text) if text else None
        if calibration is None:
            return None
    formula = relative_formula(calibration, water.unit, place.profile.at(there.depth_m))
    return str(formula) if formula else None


@cache
def _in_ground(text: str, ground: Ground) -> str:
    """Write a formula of relative water for a soil."""
    formula = _read(text)
    return text if formula is None else str(in_ground(formula, ground))


def _catalogued(
    child: Listed, there: Standing, model: SensorModel | None, beside: Mapping[str, Listed]
) -> str | None:
    """Say how the catalogue derives a series for an instrument that stood there; None if not."""
    derived = model.derived if model else ()
    entry = next((one for one in derived if one.property == child.property), None)
    if entry is None or entry.unit != child.unit:
        return None
    sources = [beside.get(key) for key in (entry.source, *entry.also)]
    if not all(one and is_as_catalogued(model, one.property, one.unit) for one in sources):
        return None
    if sources[0] is None or sources[0].datastream_id != child.source_id:
        return None
    parameters = there.parameters(entry.parameters)
    if len(parameters) < len(entry.parameters):
        return None
    return str(Formula(entry.transform, tuple(entry.also), parameters))


def _id_of(one: Listed | None) -> int:
    return NOT_THERE if one is None else one.datastream_id


def _computing(text: str, there: Standing) -> tuple[Transform, tuple[str, ...]] | None:
    """Read how a series is computed, and from which other properties of its sensor.

    What is known of the instrument itself goes before what the formula says.
    """
    formula = _read(text)
    if formula is None:
        return None
    own = there.parameters(formula.parameters)
    return _bound(str(replace(formula, parameters={**formula.parameters, **own})) if own else text)


_read = cache(read)


@cache
def _bound(text: str) -> tuple[Transform, tuple[str, ...]] | None:
    formula = _read(text)
    transform = formula.bound() if formula else None
    return (transform, formula.also) if formula and transform else None


def read_places(connection: Connection, gateway_ids: Sequence[str]) -> dict[Where, Place]:
    """Read what stood where, by (thing, sensor key)."""
    place = deployment.c
    rows = connection.execute(
        select(
            *(place.thing_id, place.key, place.since, place.until, sensor.c.model),
            *(place.reference_m, place.depth_m, place.height_m, place.fields),
        )
        .join(sensor, sensor.c.id == place.sensor_id)
        .join(thing, thing.c.id == place.thing_id)
        .where(among(connection, thing.c.gateway_id, gateway_ids))
        .order_by(place.id)  # as they were announced; `since` may be an older date
    )
    found: dict[tuple[int, str], list[Standing]] = {}
    for thing_id, key, since, until, model, *measures, fields in rows:
        reference_m, depth_m, height_m = measures
        told = tuple(msgspec.convert(fields, list[FieldInfo])) if fields else ()
        there = Standing(since, until, model, reference_m, depth_m, height_m, told)
        found.setdefault((thing_id, key), []).append(there)
    profiles = read_profiles(connection, gateway_ids)
    return {where: place_of(standings, profiles[where[0]]) for where, standings in found.items()}


def place_of(standings: Sequence[Standing], profile: Profile = NOTHING_SAID) -> Place:
    """Lay out who stood at a place, in the order in which they were announced."""
    return Place(eras(standings), standings[-1].model, profile)
