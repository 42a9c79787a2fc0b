"""What rules may be about at a gateway: itself, its things, and what is measured there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import inf

from sqlalchemy import Connection, select

from server.alerts.measures import convert
from server.alerts.rules import Scope
from server.db.deployments import stands_now
from server.db.tables import datastream, deployment, observed_property, site, thing
from server.watch.rows import Thermometer
from wire.errors import ContractError

_WET = ("vwc", "relative_extractable_water")
# What ice makes read as dry.
_FREEZES = (*_WET, "vwc_raw", "permittivity")
# Thermometers are good to half a degree, and the soil a probe feels is not all as warm as they are.
_THAWED_CEL = Decimal(1)
# A thermometer that is no part of the probe tells of soil so far above or below it.
_NEAR_M = 0.05
# In a calm there is none, which is no fault; its sensor gives the speed as well.
_MAY_BE_NONE = ("wind_direction",)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: at a gateway, and at a thing of it unless it is the gateway itself."""

    gateway_id: str
    thing_id: int | None = None
    thing: str = ""
    name: str = ""
    site_id: int | None = None
    site: str = ""
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Measured:
    """A series: what, by which sensor, how deep (m below the surface), in which unit, how often."""

    datastream_id: int
    name: str
    place: Place
    sensor: str
    property: str
    unit: str
    interval_s: float
    depth_m: float | None
    height_m: float | None
    is_derived: bool
    thermometer: Thermometer | None = None


@dataclass(frozen=True, slots=True)
class Subjects:
    """A gateway with what is there."""

    gateway: Place
    things: Sequence[Place]
    series: Sequence[Measured]

    @property
    def wet(self) -> list[int]:
        """The series that tell of water in the soil, by their ids."""
        return [one.datastream_id for one in self.series if one.property in _WET]

    def chosen(
        self, scope: Scope, properties: Sequence[str], least_depth_m: float = 0.0
    ) -> list[Measured]:
        """Give the series in a scope: of the first property that a thing has; of none, measured.

        What lies above `least_depth_m` is left out where something deeper is there, unless the
        scope names depths or a sensor.
        """
        found: list[Measured] = []
        for place in self.things:
            own = [one for one in self.series if one.place is place and covers(scope, one)]
            own = _of_first(own, properties)
            deep = [one for one in own if one.depth_m is None or one.depth_m >= least_depth_m]
            found += own if scope.depth_m or scope.sensor else deep or own
        return found

    def places(self, scope: Scope) -> list[Place]:
        """Give the things in a scope."""
        return [one for one in self.things if _is_at(scope, one)]

    def covers_gateway(self, scope: Scope) -> bool:
        """Tell whether a scope takes the gateway in: by its name, or because of a thing there."""
        if scope.site is None and scope.thing is None:
            return scope.gateway in (None, self.gateway.gateway_id)
        return bool(self.places(scope))


def covers(scope: Scope, one: Measured) -> bool:
    """Tell whether a series is in a scope, whatever it measures."""
    if not _is_at(scope, one.place) or scope.sensor not in (None, one.sensor):
        return False
    if scope.depth_m is None:
        return True
    if one.depth_m is None:
        return False
    return float(scope.depth_m[0]) <= one.depth_m <= float(scope.depth_m[1])


def read_subjects(connection: Connection, gateway_id: str) -> Subjects:
    """Read what there is at a gateway."""
    rows = connection.execute(
        select(thing.c.id, thing.c.key, thing.c.name, site.c.id, site.c.key, site.c.time_zone)
        .join(site, site.c.id == thing.c.site_id)
        .where(thing.c.gateway_id == gateway_id)
        .order_by(thing.c.id)
    )
    things = {row[0]: Place(gateway_id, *row) for row in rows}
    return Subjects(Place(gateway_id), list(things.values()), _read_series(connection, things))


def read_others(connection: Connection, scope: Scope) -> list[Measured]:
    """Read the series at the things that a scope names, whichever gateways they are at."""
    gateways = connection.execute(
        select(thing.c.gateway_id).where(thing.c.key == scope.thing).distinct()
    ).scalars()
    found = [one for id_ in sorted(gateways) for one in read_subjects(connection, id_).series]
    return [one for one in found if covers(scope, one)]


def _is_at(scope: Scope, place: Place) -> bool:
    return (
        scope.gateway in (None, place.gateway_id)
        and scope.site in (None, place.site)
        and scope.thing in (None, place.thing)
    )


def _of_first(series: Sequence[Measured], properties: Sequence[str]) -> list[Measured]:
    if not properties:
        return [one for one in series if not one.is_derived and one.property not in _MAY_BE_NONE]
    there = {one.property for one in series}
    first = next((one for one in properties if one in there), None)
    return [one for one in series if one.property == first]


def _read_series(connection: Connection, things: dict[int, Place]) -> list[Measured]:
    gateways: Iterable[str] = {one.gateway_id for one in things.values()}
    rows = connection.execute(
        select(
            *(datastream.c.id, datastream.c.name, datastream.c.thing_id, datastream.c.sensor_key),
            *(observed_property.c.key, datastream.c.unit, datastream.c.interval_s),
            *(deployment.c.depth_m, deployment.c.height_m, datastream.c.source_id.is_not(None)),
        )
        .join(observed_property, observed_property.c.id == datastream.c.observed_property_id)
        .outerjoin(deployment, stands_now())
        .where(datastream.c.gateway_id.in_(gateways))
        .order_by(datastream.c.id)
    )
    found = [
        Measured(id_, name, things[thing_id], *what)
        for id_, name, thing_id, *what in rows
        if thing_id in things
    ]
    warm = [one for one in found if one.property == "soil_temperature"]
    return [
        replace(one, thermometer=_thermometer(one, warm)) if one.property in _FREEZES else one
        for one in found
    ]


def _thermometer(one: Measured, warm: Sequence[Measured]) -> Thermometer | None:
    """Find what tells whether the soil about a probe is frozen: its own sensor, or one near it."""
    own = [other for other in warm if other.place is one.place]
    near = [other for other in own if other.sensor == one.sensor] or [
        other for other in own if _apart_m(one, other) <= _NEAR_M
    ]
    for other in sorted(near, key=lambda other: _apart_m(one, other)):
        try:
            line = convert(_THAWED_CEL, "Cel", other.unit)
        except ContractError:
            continue  # in a unit that nobody knows
        return Thermometer(other.datastream_id, float(line))
    return None


def _apart_m(one: Measured, other: Measured) -> float:
    if one.depth_m is None or other.depth_m is None:
        return inf
    return abs(one.depth_m - other.depth_m)
